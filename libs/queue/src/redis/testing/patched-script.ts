import { createHash } from 'node:crypto';
import { redisScripts, type RedisScript } from '../redis-scripts';

export type ScriptName = keyof typeof redisScripts;

/** A piece of a script's text, which must occur in it just once, and what takes its place. */
export type Edit = readonly [piece: string, instead: string];

/** Replaces a script for the present test by a copy with mistakes. */
export function patchScript(name: ScriptName, ...edits: readonly Edit[]): void {
  const { source, repliesBytes } = redisScripts[name];
  const patched = edits.reduce((text, [piece, instead]) => {
    if (text.split(piece).length !== 2) {
      throw new Error(`"${piece}" is not once in ${name}.lua: the planted bug has to follow it`);
    }
    return text.replace(piece, () => instead);
  }, source);
  const script: RedisScript = {
    name,
    source: patched,
    sha: createHash('sha1').update(patched).digest('hex'),
    repliesBytes,
  };
  jest.replaceProperty(redisScripts, name, script);
}
