import { status } from '@grpc/grpc-js';
import { ScriptedCollector, failure } from '@event-pipeline/publisher/testing';
import { systemClock } from '@event-pipeline/runtime';
import { refusalOfToken } from './token-check';

let collector: ScriptedCollector;
const ask = (token: string) =>
  refusalOfToken(Number(collector.address.split(':')[1]), token, systemClock);

afterEach(() => collector.stop());

describe('a token that is tried on a collector', () => {
  it('is sent with a request that has no event, and is taken where that is answered', async () => {
    collector = await new ScriptedCollector().start();
    expect(await ask('abc')).toBeUndefined();
    expect(collector.authorizations).toEqual(['Bearer abc']);
    expect(collector.requests).toEqual([{ batchId: '', events: [] }]);
  });

  it('is refused as the collector says, and is not shown', async () => {
    const refused = failure(status.UNAUTHENTICATED, 'the token is not known');
    collector = await new ScriptedCollector({ requests: [(_, answer) => answer(refused)] }).start();
    expect(await ask('abc')).toBe('UNAUTHENTICATED: the token is not known');
    expect(await ask('my secret ü')).toMatch(/^it is no token/);
    expect(collector.authorizations).toHaveLength(1);
  });
});
