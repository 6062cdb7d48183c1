import { describeQueueModel } from '../testing/model/describe-queue-model';
import { embeddedEngine } from './testing/embedded-queue-under-model';

describeQueueModel('the embedded queue', 100, () => embeddedEngine);
