import { describeDeadLetterContract } from './contract/dead-letter-contract';
import { describeDeliveryContract } from './contract/delivery-contract';
import { describeEnqueueContract } from './contract/enqueue-contract';
import { describePartitionContract } from './contract/partition-contract';
import { describeReclaimContract } from './contract/reclaim-contract';
import { describeSettleContract } from './contract/settle-contract';
import { describeSharingContract } from './contract/sharing-contract';
import type { CreateQueueUnderTest } from './queue-under-test';

/**
 * What every engine of the queue port must do, as tests against the real engine. The factory is
 * called for each test and gives an empty queue.
 */
export function describeQueueContract(name: string, create: CreateQueueUnderTest): void {
  describe(`${name}: the queue contract`, () => {
    describeEnqueueContract(create);
    describeDeliveryContract(create);
    describeSettleContract(create);
    describeReclaimContract(create);
    describeSharingContract(create);
    describePartitionContract(create);
    describeDeadLetterContract(create);
  });
}
