import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Scratch, SimulatedClock, until } from './testing';
import { WatchedFiles, type WatchedFilesOptions } from './watched-files';

const scratch = new Scratch();
let folder: string;
let clock: SimulatedClock;
let reloaded: string[];
let refused: string[];

beforeEach(async () => {
  folder = await scratch.folder();
  clock = new SimulatedClock();
  reloaded = [];
  refused = [];
  await write('a', 'one');
  await write('b', 'one');
});
afterEach(() => scratch.clean());

const write = (name: string, content: string) => writeFile(join(folder, name), content);

/** Its value is what both files say, which must be the same. */
function watch(options: Partial<WatchedFilesOptions<string>> = {}): WatchedFiles<string> {
  return new WatchedFiles({
    name: 'pair',
    files: [
      { variable: 'A_FILE', path: join(folder, 'a') },
      { variable: 'B_FILE', path: join(folder, 'b') },
    ],
    parse: ([a, b]) => {
      if (String(a) !== String(b)) throw new Error('A_FILE and B_FILE do not belong together');
      return String(a);
    },
    clock,
    onReloaded: (value) => reloaded.push(value),
    onRefused: (reason) => refused.push(reason),
    ...options,
  });
}

async function look(files: WatchedFiles<string>, times = 2): Promise<void> {
  for (let count = 0; count < times; count++) await files.look();
}

describe('files that are watched', () => {
  it('give their value at once, and nothing is reloaded while they stay as they are', async () => {
    const files = watch();
    expect(files.current).toBe('one');
    await look(files, 5);
    expect({ reloaded, refused }).toEqual({ reloaded: [], refused: [] });
  });

  it('give the new value once, when both have changed', async () => {
    const files = watch();
    await write('a', 'two');
    await write('b', 'two');
    await look(files, 5);
    expect(files.current).toBe('two');
    expect({ reloaded, refused }).toEqual({ reloaded: ['two'], refused: [] });
  });

  it('are not judged between the replacement of one and of the other', async () => {
    const files = watch();
    await write('a', 'two');
    await files.look();
    await write('b', 'two');
    await look(files);
    expect({ reloaded, refused }).toEqual({ reloaded: ['two'], refused: [] });
  });

  it('keep the old value where the new one is refused, and say so once', async () => {
    const files = watch();
    await write('a', 'two');
    await look(files, 5);
    expect(files.current).toBe('one');
    expect(refused).toEqual(['A_FILE and B_FILE do not belong together']);
    await write('b', 'two');
    await look(files);
    expect(reloaded).toEqual(['two']);
  });

  it('keep the old value where a file is gone or too large, and take it when it is back', async () => {
    const files = watch({ maxBytes: 5 });
    await rm(join(folder, 'a'));
    await look(files, 5);
    await write('a', 'far too long');
    await look(files, 5);
    expect(files.current).toBe('one');
    expect(refused).toEqual([
      `A_FILE is "${join(folder, 'a')}", which does not exist`,
      `A_FILE is "${join(folder, 'a')}", which is larger than 5 bytes`,
    ]);
    await write('a', 'two');
    await write('b', 'two');
    await look(files);
    expect(files.current).toBe('two');
  });

  it('are seen to change where a symlink to their folder is turned, as in Kubernetes', async () => {
    for (const version of ['one', 'two']) {
      await mkdir(join(folder, version));
      await write(`${version}/a`, version);
      await write(`${version}/b`, version);
    }
    const current = join(folder, 'current');
    await symlink('one', current);
    const files = watch({
      files: ['a', 'b'].map((name) => ({ variable: name, path: join(current, name) })),
    });
    await symlink('two', `${current}.new`);
    await rename(`${current}.new`, current);
    await look(files);
    expect(files.current).toBe('two');
  });

  it('are looked at in every interval from start to stop', async () => {
    const files = watch({ intervalMs: 1_000 });
    await files.start();
    await write('a', 'two');
    await write('b', 'two');
    await until('the change is seen', async () => {
      await clock.untilSleeping();
      await clock.advance(1_000);
      return reloaded.length > 0;
    });
    await files.stop();
    expect(clock.sleeping).toBe(0);
    expect(files.current).toBe('two');
  });
});

describe('files that cannot be used at the start', () => {
  it.each([
    ['a file that does not exist', { path: 'missing' }, 'which does not exist'],
    ['a folder', { path: '.' }, 'which is no file'],
  ])('are an error that names variable and file: %s', (_, { path }, what) => {
    const files = [{ variable: 'A_FILE', path: join(folder, path) }];
    const given = { code: 'CONFIG_INVALID', message: `A_FILE is "${join(folder, path)}", ${what}` };
    expect(() => watch({ files })).toThrow(expect.objectContaining(given) as Error);
  });

  it('are an error in the words of whoever refuses them', () => {
    const parse = () => {
      throw new Error('no');
    };
    const given = { code: 'CONFIG_INVALID', message: 'no' };
    expect(() => watch({ parse })).toThrow(expect.objectContaining(given) as Error);
  });
});
