import { execFile } from 'node:child_process';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RejectionCode, type PublishEventsRequest } from '@event-pipeline/contracts';
import { ScriptedCollector, accepted, type BatchStreamHandler } from './testing/scripted-collector';

const run = promisify(execFile);
const root = join(__dirname, '../../..');
const examples = join(root, 'examples/publisher');

/** Refuses what has a type with spaces, as the collector does. */
const judging: BatchStreamHandler = (call) => {
  call.on('data', (request: PublishEventsRequest) => {
    const code = RejectionCode.REJECTION_CODE_INVALID_TYPE;
    const rejections = request.events.flatMap(({ eventId, type }, index) =>
      type.includes(' ') ? [{ index, eventId, code, message: 'type has spaces' }] : [],
    );
    call.write({
      ...accepted(request),
      accepted: request.events.length - rejections.length,
      rejections,
    });
  });
  call.on('end', () => call.end());
};

describe('the package, installed in an empty folder', () => {
  let scratch: string;
  let app: string;
  let collector: ScriptedCollector;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'publisher-package-'));
    app = join(scratch, 'app');
    await run(process.execPath, [join(root, 'libs/publisher/build-package.mjs')], { cwd: root });
    const packed = join(root, 'dist/libs/publisher');
    await npm(['pack', '--pack-destination', scratch], packed);
    const tarball = (await readdir(scratch)).find((name) => name.endsWith('.tgz')) ?? '';
    await writeApp();
    await npm(['install', '--offline', '--ignore-scripts', join(scratch, tarball)], app);
    // What a program in TypeScript brings itself.
    await linkPackage('@types/node');
    for (const name of await readdir(examples))
      await copyFile(join(examples, name), join(app, name));
  }, 120_000);
  afterAll(() => rm(scratch, { recursive: true }));
  beforeEach(async () => {
    collector = await new ScriptedCollector({ batchStreams: [judging] }).start();
  });
  afterEach(() => collector.stop());

  function npm(args: readonly string[], cwd: string) {
    const quiet = ['--silent', '--no-audit', '--no-fund', '--no-update-notifier'];
    return run('npm', [...args, ...quiet], { cwd });
  }

  /** With the package's dependencies as links, so that nothing has to be fetched. */
  async function writeApp(): Promise<void> {
    await linkPackage('@grpc/grpc-js');
    await linkPackage('@bufbuild/protobuf');
    await writeFile(join(app, 'package.json'), '{"name":"app","version":"1.0.0","private":true}');
  }

  async function linkPackage(name: string): Promise<void> {
    const link = join(app, 'node_modules', name);
    await mkdir(join(link, '..'), { recursive: true });
    await symlink(join(root, 'node_modules', name), link);
  }

  it('sends events from an ES module', async () => {
    const args = ['send-events.mjs', collector.address];
    const { stdout } = await run(process.execPath, args, { cwd: app });
    expect(stdout.split('\n').slice(0, -1)).toEqual([
      expect.stringMatching(/^[0-9a-f-]{36} is in the queue$/),
      '9999 accepted, 1 failed',
      'event 9999: INVALID_TYPE: type has spaces',
    ]);
    expect(collector.received).toHaveLength(10_001);
  });

  it('sends events from CommonJS, by way of the disk', async () => {
    const args = ['with-spill.cjs', collector.address, join(app, 'spill')];
    const { stdout } = await run(process.execPath, args, { cwd: app });
    expect(stdout).toBe('saved\nin the queue\n');
    expect(await readdir(join(app, 'spill'))).toEqual([]);
  });

  it.each(['node16', 'bundler'])(
    'has types for a strict program (%s)',
    async (resolution) => {
      const args = [
        join(root, 'node_modules/typescript/bin/tsc'),
        ...['--strict', '--noEmit', '--target', 'es2022', '--types', 'node'],
        ...['--module', resolution === 'node16' ? 'node16' : 'esnext'],
        ...['--moduleResolution', resolution, 'typed-events.ts'],
      ];
      const { stdout } = await run(process.execPath, args, { cwd: app }).catch(
        (error: { stdout: string }) => error,
      );
      expect(stdout).toBe('');
    },
    60_000,
  );

  it('has one class of errors, however it is loaded', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import { PublishError } from '@event-pipeline/publisher';
      import { openSpill } from '@event-pipeline/publisher/spill';
      const required = createRequire(import.meta.url)('@event-pipeline/publisher');
      const error = await openSpill({ folder: '' }).catch((reason) => reason);
      console.log(required.PublishError === PublishError, error instanceof PublishError);`;
    await writeFile(join(app, 'one-class.mjs'), script);
    const { stdout } = await run(process.execPath, ['one-class.mjs'], { cwd: app });
    expect(stdout).toBe('true true\n');
  });

  it('declares every package that it loads, and brings its licence', async () => {
    const folder = join(app, 'node_modules/@event-pipeline/publisher');
    const text = await readFile(join(folder, 'package.json'), 'utf8');
    const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
    const code = await readFile(join(folder, 'index.cjs'), 'utf8');
    const loaded = [...code.matchAll(/require\("([^"]+)"\)/g)].map(([, name = '']) => name);
    const packages = loaded
      .filter((name) => name.startsWith('@'))
      .map((name) => name.split('/').slice(0, 2).join('/'));
    expect([...new Set(packages)].sort()).toEqual(Object.keys(dependencies).sort());
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['LICENSE', 'README.md']));
  });
});
