import { describeQueueContract } from '../testing';
import { createEmbeddedQueueUnderTest } from './testing/embedded-queue-under-test';

describeQueueContract('embedded', createEmbeddedQueueUnderTest);
