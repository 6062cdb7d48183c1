import { describePlantedBugs } from '../testing/model/planted-bugs';
import { embeddedPlantedBugs } from './testing/embedded-planted-bugs';
import { embeddedEngine } from './testing/embedded-queue-under-model';

describePlantedBugs('the embedded queue', embeddedPlantedBugs, () => embeddedEngine);
