import { readFileSync } from 'node:fs';
import { untilItWorks } from '../harness/kill-loop';
import { startLoaded } from '../harness/loaded-pipeline';
import { redisEngine } from '../harness/queue-engine';
import { Scratch } from '../harness/scratch';
import { inWorkspace } from '../harness/workspace';

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a Redis user that may do no more than docs/deployment.md says', () => {
  it('is enough for the whole pipeline, and can neither read nor delete what is not the queue', async () => {
    const engine = await redisEngine(scratch);
    const { redis } = engine;
    const rights = documentedRights();
    const allow = () => redis.command('acl', 'setuser', 'pipeline', ...rights, '>secret');
    await allow();
    await redis.command('set', 'of-others', 'x');
    const url = redis.url.replace('redis://', 'redis://pipeline:secret@');
    const variables = { QUEUE_URL: url, QUEUE_STRICT: 'true', QUEUE_PARTITIONS: '3' };
    const { pipeline, load } = await startLoaded({ engine, variables }, scratch);

    await redis.command('script', 'flush', 'sync');
    await untilItWorks(pipeline, load);
    await pipeline.workers[0]!.kill9();
    await pipeline.workers[0]!.start();
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
    const refusals = pipeline.services.flatMap(({ program }) =>
      program.output.filter((line) => /NOPERM|not permitted/.test(line)),
    );
    expect(refusals).toEqual([]);

    const dryRun = (...words: readonly string[]) =>
      redis.command('acl', 'dryrun', 'pipeline', ...words);
    for (const words of [
      ['get', 'of-others'],
      ['flushall'],
      ['keys', '*'],
      ['config', 'set', 'maxmemory', '1'],
      ['debug', 'sleep', '1'],
      ['shutdown'],
      ['acl', 'list'],
    ]) {
      expect(await dryRun(...words)).not.toBe('OK');
    }
    expect(await dryRun('lrange', 'event_queue', '0', '1')).toBe('OK');
  }, 120_000);
});

/** The words of the documented `ACL SETUSER pipeline …`, without the password. */
function documentedRights(): readonly string[] {
  const text = readFileSync(inWorkspace('docs/deployment.md'), 'utf8');
  const command = /ACL SETUSER pipeline ([^`]*?)\n```/.exec(text)?.[1] ?? '';
  const words = command.split(/[\s\\]+/).filter((word) => word !== '' && !word.startsWith('>'));
  if (words.length < 5) throw new Error('docs/deployment.md names no rights');
  return words;
}
