import { startRedisSentinel } from './redis-sentinel';

describe('Redis Sentinels of a test', () => {
  it.each([1, 3])('%i of them can hand over from master to replica', async (sentinels) => {
    const watched = await startRedisSentinel({ sentinels });
    try {
      const old = await watched.master();
      await old.command('set', 'kept', 'yes');
      await old.command('wait', 1, 0);
      await watched.failover();
      const master = await watched.master();
      expect(master).not.toBe(old);
      expect(await master.command('get', 'kept')).toBe('yes');
    } finally {
      await watched.stop();
    }
  });

  it('they replace a master that crashed', async () => {
    const watched = await startRedisSentinel({ password: 'p@ss', sentinelPassword: 'other' });
    try {
      const old = await watched.master();
      await old.kill9();
      await watched.untilMasterIsNot(old);
    } finally {
      await watched.stop();
    }
  });
});
