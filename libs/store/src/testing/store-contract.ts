import { describeConcurrencyContract } from './contract/concurrency-contract';
import { describePutContract } from './contract/put-contract';
import { describeRetentionContract } from './contract/retention-contract';
import type { CreateStoreUnderTest } from './store-under-test';

/**
 * What every engine of the store port must do, as tests against the real engine. The factory is
 * called for each test and gives an empty store.
 */
export function describeStoreContract(name: string, create: CreateStoreUnderTest): void {
  describe(`${name}: the store contract`, () => {
    describePutContract(create);
    describeConcurrencyContract(create);
    describeRetentionContract(create);
  });
}
