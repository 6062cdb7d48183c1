import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildLoader, type BuiltLoader } from '../testing/built-loader';

let loader: BuiltLoader;
beforeAll(async () => {
  loader = await buildLoader();
}, 60_000);
afterAll(() => loader.remove());

async function moduleFile(name: string, text: string): Promise<string> {
  const file = join(loader.folder, name);
  await writeFile(file, text);
  return file;
}

let eventCount = 0;
const event = (type: string, data?: unknown) => ({
  eventId: `00000000-0000-4000-8000-${String(eventCount++).padStart(12, '0')}`,
  type,
  timestamp: 1_700_000_000_000,
  ...(data === undefined ? {} : { data }),
});

describe('handlers of the user', () => {
  const single = `(event, { logger }) => logger.info({}, 'own handler: ' + event.type)`;
  const batch = `{ batch: (events, { logger }) => logger.info({}, 'own batch: ' + events.length) }`;

  it.each([
    ['CommonJS', 'a.cjs', `module.exports = { one: ${single}, many: ${batch} };`],
    ['CommonJS in a .js file', 'a.js', `module.exports = { one: ${single}, many: ${batch} };`],
    ['an ES module', 'a.mjs', `export default { one: ${single}, many: ${batch} };`],
    ['named exports', 'b.mjs', `export const one = ${single}; export const many = ${batch};`],
    [
      'an ES module compiled to CommonJS',
      'c.cjs',
      `Object.defineProperty(exports, '__esModule', { value: true });
       exports.default = { one: ${single}, many: ${batch} };`,
    ],
  ])('are loaded from %s and get their events', async (_, name, text) => {
    const file = await moduleFile(name, text);
    const tried = await loader.run(file, [event('one'), event('many'), event('many')]);
    expect(tried.error).toBeUndefined();
    expect([...tried.types!].sort()).toEqual(['many', 'one']);
    expect(tried.processed).toBe(3);
    const messages = tried.lines!.map(({ msg }) => msg);
    expect(messages).toEqual(expect.arrayContaining(['own handler: one', 'own batch: 2']));
  });

  it('may set how often, how late and for how long they are tried', async () => {
    const file = await moduleFile(
      'settings.cjs',
      `const fail = () => { throw new Error('no'); };
       const hang = () => new Promise(() => undefined);
       class Rows {
         rows = [];
         timeoutMs = 30_000;
         batch(events) { this.rows.push(...events); if (this.rows.length !== 2) fail(); }
       }
       module.exports = {
         one: { handle: fail, retry: { maxAttempts: 2, baseDelayMs: 1 } },
         two: { handle: hang, timeoutMs: 20, retry: { maxAttempts: 1 } },
         many: new Rows(),
       };`,
    );
    const given = [event('one'), event('two'), event('many'), event('many')];
    const tried = await loader.run(file, given);
    expect(tried).toMatchObject({ processed: 2, retried: 1 });
    expect(tried.dead!.map(({ error }) => error).sort()).toEqual([
      'HandlerTimeoutError: the handler did not end within 20 ms and was abandoned',
      'no',
    ]);
  });

  it('are found relative to the current directory', async () => {
    await moduleFile('relative.js', `module.exports = { one: ${single} };`);
    const { types } = await loader.run('./relative.js', [], loader.folder);
    expect(types).toEqual(['one']);
    expect((await loader.run('relative.js', [], loader.folder)).types).toEqual(['one']);
  });

  it.each([
    ['a name with a blank, a quote, % and #', `it's 100% #1.cjs`],
    ['a name beyond ASCII', 'обработчики.cjs'],
  ])('are loaded from a file with %s', async (_, name) => {
    const file = await moduleFile(name, `module.exports = { one: ${single} };`);
    expect((await loader.run(file)).types).toEqual(['one']);
  });
});

describe('a module of handlers that cannot be used', () => {
  it.each<[what: string, name: string, text: string, message: RegExp]>([
    [
      'exports nothing',
      'nothing.cjs',
      '',
      /nothing\.cjs exports no handlers; expected module\.exports/,
    ],
    ['exports a number', 'number.cjs', 'module.exports = 7', /exports no handlers/],
    ['exports an empty object', 'empty.mjs', 'export default {}', /exports no handlers/],
    ['exports one function', 'function.cjs', 'module.exports = () => 1', /exports no handlers/],
    [
      'has a string for a handler',
      'string.cjs',
      'module.exports = { one: "two" }',
      /has "two" as the handler for "one"; expected a function \(event, context\), \{ handle: .* or \{ batch:/,
    ],
    [
      'has null for a handler',
      'null.cjs',
      'module.exports = { one: null }',
      /has null as the handler/,
    ],
    ['has a list for a handler', 'list.cjs', 'module.exports = { one: [] }', /has a list as the/],
    [
      'has a batch that is no function',
      'batch.cjs',
      'module.exports = { one: { batch: true } }',
      /has true as batch of the handler for "one"; expected a function$/,
    ],
    [
      'has a handle that is no function',
      'handle.cjs',
      'module.exports = { one: { handle: "f" } }',
      /has "f" as handle of the handler for "one"; expected a function$/,
    ],
    [
      'has both forms in one handler',
      'both.cjs',
      'module.exports = { one: { handle() {}, batch() {} } }',
      /has both handle and batch in the handler for "one"; expected one of them$/,
    ],
    [
      'has a setting of another name',
      'misspelt.cjs',
      'module.exports = { one: { handle() {}, timeout: 7 } }',
      /has "timeout" in the handler for "one", .* known are handle, batch, retry, timeoutMs$/,
    ],
    [
      'has a time limit that is no number',
      'limit.cjs',
      'module.exports = { one: { handle() {}, timeoutMs: "1 s" } }',
      /has "1 s" as timeoutMs of the handler for "one"; expected a whole number from 0 to 86400000$/,
    ],
    [
      'has retries that are no object',
      'retries.cjs',
      'module.exports = { one: { handle() {}, retry: 3 } }',
      /has 3 as retry of the .*; expected \{ maxAttempts, baseDelayMs, maxDelayMs, maxAgeMs \}$/,
    ],
    [
      'has retries of another name',
      'retry-name.cjs',
      'module.exports = { one: { batch() {}, retry: { attempts: 3 } } }',
      /has "attempts" in retry of the handler for "one", which means nothing; known are maxAttempts,/,
    ],
    [
      'has no attempt at all',
      'attempts.cjs',
      'module.exports = { one: { batch() {}, retry: { maxAttempts: 0 } } }',
      /has 0 as retry.maxAttempts of the handler for "one"; expected a whole number from 1 to 1000$/,
    ],
    [
      'has a handler for what is no event type',
      'type.cjs',
      'module.exports = { "user login": () => 1 }',
      /has a handler for "user login", which is no event type/,
    ],
    [
      'is no JavaScript',
      'syntax.cjs',
      'module.exports = {\n one: (;\n};',
      /cannot be loaded: SyntaxError: .* \(in line 2\)$/,
    ],
    [
      'is no JavaScript, as an ES module',
      'syntax.mjs',
      'export const one = () => 1;\n\nexport const two = (;',
      /cannot be loaded: SyntaxError: .* \(in line 3\)$/,
    ],
    [
      'needs a file that is no JavaScript',
      'needs-syntax.cjs',
      '\nrequire("./syntax.cjs")',
      /cannot be loaded: SyntaxError: .* \(in \/.*\/syntax\.cjs, line 2\)$/,
    ],
    [
      'has a mistake in a line that runs when it is loaded',
      'mistake.mjs',
      'const table = undefined;\nexport const one = table.one;',
      /cannot be loaded: TypeError: .* \(in line 2\)$/,
    ],
    [
      'needs a package that is not installed, as an ES module',
      'needs.mjs',
      'import "not-installed";',
      /cannot be loaded: Error: Cannot find package 'not-installed' imported from [^()]*$/,
    ],
    [
      'throws when it is loaded',
      'throws.cjs',
      'throw new Error("no database\\nat all")',
      /cannot be loaded: Error: no database \(in line 1\)$/,
    ],
    [
      'needs what is not installed',
      'needs.cjs',
      'require("not-installed")',
      /cannot be loaded: Error: Cannot find module 'not-installed' \(in line 1\)$/,
    ],
  ])('that %s is refused in one clear line', async (_, name, text, message) => {
    const file = await moduleFile(name, text);
    const { error } = await loader.run(file);
    expect(error).toEqual({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) });
    expect(error?.message).toMatch(/^WORKER_HANDLERS: .*$/);
    expect(error?.message).toContain(file);
  });

  it('is told of every problem at once, a line each', async () => {
    const file = await moduleFile(
      'several.cjs',
      `module.exports = {
        'user login': () => 1,
        one: 7,
        two: { handle: 1, timeoutMs: -1, retry: { maxAgeMs: 0.5 } },
        three: () => 1,
      };`,
    );
    const { error } = await loader.run(file);
    expect(error?.message.split('\n').map((line) => line.replace(file, 'FILE'))).toEqual([
      expect.stringMatching(/^WORKER_HANDLERS: FILE has a handler for "user login", which is no/),
      expect.stringMatching(/^WORKER_HANDLERS: FILE has 7 as the handler for "one"; /),
      expect.stringMatching(/^WORKER_HANDLERS: FILE has 1 as handle of the handler for "two"/),
      expect.stringMatching(/^WORKER_HANDLERS: FILE has 0.5 as retry.maxAgeMs of the handler for/),
      expect.stringMatching(/^WORKER_HANDLERS: FILE has -1 as timeoutMs of the handler for "two"/),
    ]);
  });

  it('is refused with a hint where it is an ES module by the wrong name, or loaded', async () => {
    const file = await moduleFile('wrong-name.js', 'export default { one: () => undefined };');
    const { types, error } = await loader.run(file);
    // Node.js tells the module system by the syntax since 22.7.
    if (error === undefined) expect(types).toEqual(['one']);
    else expect(error.message).toMatch(/name it \.mjs, or put "type": "module" into/);
  });

  it('is named as it was given and as it was looked for when it is not there', async () => {
    const { error } = await loader.run('./not-there.js', [], loader.folder);
    expect(error).toEqual({
      code: 'CONFIG_INVALID',
      message: `WORKER_HANDLERS: ${join(loader.folder, 'not-there.js')} (given as ./not-there.js): there is no such file`,
    });
  });

  it('is refused where it is a folder', async () => {
    await mkdir(join(loader.folder, 'a-folder'), { recursive: true });
    const { error } = await loader.run('a-folder', [], loader.folder);
    expect(error?.message).toMatch(/\(given as a-folder\) is no file$/);
  });
});

describe('the documented example', () => {
  const example = 'examples/handlers/my-handlers.js';

  it('handles each type as it says', async () => {
    const tried = await loader.run(example, [
      event('user_login', { account: 'ada' }),
      event('page_view', { url: '/' }),
      event('page_view', { url: '/' }),
      event('page_view'),
      event('user_login'),
      event('order_placed', { total: 7 }),
    ]);
    expect(tried).toMatchObject({ processed: 6, retried: 0, dead: [] });
    expect(tried.lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ msg: 'A user logged in', account: 'ada' }),
        expect.objectContaining({ msg: 'Pages were viewed', views: { '/': 2, unknown: 1 } }),
        expect.objectContaining({ msg: 'Something else happened', type: 'order_placed' }),
      ]),
    );
  });

  it('makes dead letters of events that can never succeed, and of no others', async () => {
    const [login, view] = [event('user_login', { account: 7 }), event('page_view', { url: 7 })];
    const good = event('page_view', { url: '/' });
    const tried = await loader.run(example, [login, view, good]);
    expect(tried.processed).toBe(1);
    const dead = tried.dead!.map(({ body, reason, error }) => [JSON.parse(body), reason, error]);
    expect(dead).toEqual([
      [login, 'permanent-error', 'data.account is no text'],
      [view, 'permanent-error', 'data.url is no text'],
    ]);
  });

  it('tries again what may succeed later', async () => {
    const tried = await loader.run(example, [event('user_login', { account: 'locked' })]);
    expect(tried).toMatchObject({ processed: 1, retried: 2, dead: [] });
  });
});
