import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeConfig, defineConfig, loadConfig } from './config';
import { checkedText, env, integer, text } from './config-fields';
import { helpText } from './help-text';
import { misspeltVariables } from './misspelt-variables';
import { Scratch } from './testing';

const url = checkedText('a URL', {
  problemOf: (given) => (given.startsWith('url:') ? undefined : 'it is no URL'),
  show: () => "'url:***'",
});
const definition = defineConfig({
  size: env('APP_SIZE', integer({ min: 1, max: 9 }), { default: 3, description: 'size' }),
  url: env('APP_URL', url, { optional: true, description: 'where' }),
  password: env('APP_PASSWORD', text({ secret: true }), { description: 'password' }),
});

const scratch = new Scratch();
afterEach(() => scratch.clean());

async function fileOf(content: string, name = 'file'): Promise<string> {
  const path = join(await scratch.folder(), name);
  await writeFile(path, content);
  return path;
}

const load = (environment: NodeJS.ProcessEnv) => loadConfig(definition, environment);
const problemsOf = (environment: NodeJS.ProcessEnv): string[] => {
  try {
    load(environment);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  throw new Error('nothing was wrong');
};

describe('a file of configuration', () => {
  it('has variables as lines, with comments and quotes', async () => {
    const CONFIG_FILE = await fileOf(
      '# ours\r\n\nAPP_SIZE=5\n  APP_URL = "url: with = and #"\nAPP_PASSWORD=\'a b\'\nOTHER=x\n',
    );
    expect(load({ CONFIG_FILE })).toEqual({
      size: 5,
      url: 'url: with = and #',
      password: 'a b',
    });
  });

  it('or as JSON', async () => {
    const CONFIG_FILE = await fileOf('{"APP_SIZE": 5, "APP_PASSWORD": "x", "OTHER": true}');
    expect(load({ CONFIG_FILE })).toEqual({ size: 5, url: undefined, password: 'x' });
  });

  it('counts only for what the environment does not set', async () => {
    const CONFIG_FILE = await fileOf('APP_SIZE=5\nAPP_PASSWORD=x\n');
    expect(load({ CONFIG_FILE, APP_SIZE: '7' })).toMatchObject({ size: 7, password: 'x' });
    expect(load({ CONFIG_FILE, APP_SIZE: ' ' })).toMatchObject({ size: 5 });
  });

  it('that is wrong is named with every line and value at fault, and shows no secret', async () => {
    const CONFIG_FILE = await fileOf('APP_SIZE=many\nnonsense my-secret\n=x\nAPP_URL=my-secret\n');
    const problems = problemsOf({ CONFIG_FILE });
    expect(problems).toHaveLength(5);
    const [second, third, size, address, password] = problems;
    expect(second).toMatch(/^CONFIG_FILE .*, line 2: expected NAME=VALUE$/);
    expect(third).toMatch(/, line 3: /);
    expect(size).toMatch(/^APP_SIZE \(.*file.*\) is .*many.*; expected a whole number/);
    expect(address).toMatch(/^APP_URL \(.*\) is 'url:\*\*\*': it is no URL$/);
    expect(password).toMatch(/^APP_PASSWORD is not set/);
    expect(problems.join()).not.toContain('my-secret');
  });

  it.each([
    ['{"APP_PASSWORD": "my-secret"', /is not JSON/],
    ['{"APP_PASSWORD": ["my-secret"]}', /APP_PASSWORD.* is no text/],
  ])('of JSON that is none is named, and shows no secret: %s', async (content, expected) => {
    const problems = problemsOf({ CONFIG_FILE: await fileOf(content) });
    expect(problems[0]).toMatch(expected);
    expect(problems.join()).not.toContain('my-secret');
  });
});

describe('a file that holds a value', () => {
  it('may stand for each variable that may be a secret, without its line end', async () => {
    const APP_PASSWORD_FILE = await fileOf('my-secret\n');
    const APP_URL_FILE = await fileOf('url:here\n');
    expect(load({ APP_PASSWORD_FILE, APP_URL_FILE })).toEqual({
      size: 3,
      url: 'url:here',
      password: 'my-secret',
    });
  });

  it('may be named in the file of configuration, and gives way to the environment', async () => {
    const secret = await fileOf('from a file');
    const CONFIG_FILE = await fileOf(`APP_PASSWORD_FILE=${secret}\n`);
    expect(load({ CONFIG_FILE }).password).toBe('from a file');
    expect(load({ CONFIG_FILE, APP_PASSWORD: 'mine' }).password).toBe('mine');
    const other = await fileOf('another');
    expect(load({ CONFIG_FILE, APP_PASSWORD_FILE: other }).password).toBe('another');
  });

  it('beside the value itself is a mistake', async () => {
    const APP_PASSWORD_FILE = await fileOf('x');
    expect(problemsOf({ APP_PASSWORD: 'my-secret', APP_PASSWORD_FILE })).toEqual([
      'APP_PASSWORD and APP_PASSWORD_FILE are both set; expected one of them',
    ]);
  });

  it('that cannot be used is named, all of them at once, and is not "not set" besides', async () => {
    const folder = await scratch.folder();
    await mkdir(join(folder, 'folder'));
    const missing = join(folder, 'missing');
    const problems = problemsOf({
      CONFIG_FILE: missing,
      APP_PASSWORD_FILE: join(folder, 'folder'),
      APP_URL_FILE: await fileOf('x'.repeat(65_537)),
    });
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(/^CONFIG_FILE is .*missing.*, which does not exist$/);
    expect(problems[1]).toMatch(/^APP_URL_FILE is .*, which is larger than 65536 bytes$/);
    expect(problems[2]).toMatch(/^APP_PASSWORD_FILE is .*folder.*, which is no file$/);
  });

  it('that is empty or has a wrong value is named without the value', async () => {
    const APP_PASSWORD_FILE = await fileOf('\n');
    const APP_URL_FILE = await fileOf('my-secret');
    const problems = problemsOf({ APP_PASSWORD_FILE, APP_URL_FILE });
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^APP_PASSWORD_FILE is .*, which is empty; expected a value$/);
    expect(problems[1]).toMatch(/^APP_URL \(.*\) is 'url:\*\*\*'/);
    expect(problems.join()).not.toContain('my-secret');
  });

  it('that the user may not read is named', async () => {
    const APP_PASSWORD_FILE = await fileOf('my-secret');
    await chmod(APP_PASSWORD_FILE, 0);
    // The superuser reads it all the same.
    if (process.getuid?.() === 0) expect(load({ APP_PASSWORD_FILE }).password).toBe('my-secret');
    else expect(problemsOf({ APP_PASSWORD_FILE })[0]).toMatch(/which this user may not read$/);
  });

  it('is named by --help, and is no misspelt variable', () => {
    const variables = describeConfig(definition);
    const help = helpText({ name: 'app', summary: 'Does.', command: 'app', variables });
    for (const name of ['CONFIG_FILE', 'APP_URL_FILE', 'APP_PASSWORD_FILE'])
      expect(help).toContain(name);
    expect(help).not.toContain('APP_SIZE_FILE');
    const environment = { APP_PASSWORD_FILE: 'x', CONFIG_FILE: 'y', APP_PASSWORD_FIL: 'z' };
    expect(misspeltVariables(definition, environment)).toEqual([
      { name: 'APP_PASSWORD_FIL', meant: 'APP_PASSWORD_FILE' },
    ]);
  });
});
