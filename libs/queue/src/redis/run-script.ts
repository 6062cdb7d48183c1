import type { RedisArgument, ReplyEncoding } from './redis-link';
import { replyCode } from './redis-errors';
import type { RedisScript } from './redis-scripts';

/** Runs a script by its digest, and by its text where Redis does not know it (yet or any more). */
export async function runScript(
  send: (
    command: string,
    args: readonly RedisArgument[],
    encoding: ReplyEncoding,
  ) => Promise<unknown>,
  script: RedisScript,
  keys: readonly string[],
  args: readonly RedisArgument[],
): Promise<unknown> {
  const rest: RedisArgument[] = [keys.length, ...keys];
  for (const arg of args) rest.push(arg);
  const encoding = script.repliesBytes ? null : 'utf8';
  try {
    return await send('evalsha', [script.sha, ...rest], encoding);
  } catch (error) {
    if (replyCode(error) !== 'NOSCRIPT') throw error;
    return await send('eval', [script.source, ...rest], encoding);
  }
}
