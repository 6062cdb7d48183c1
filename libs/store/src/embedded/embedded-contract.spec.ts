import { describeStoreContract } from '../testing/store-contract';
import { createEmbeddedStoreUnderTest } from './testing/embedded-store-under-test';

describeStoreContract('embedded', createEmbeddedStoreUnderTest);
