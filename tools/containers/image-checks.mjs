import { readFileSync } from 'node:fs';
import { inWorkspace } from '../workspace/paths.mjs';
import { expectEqual, expectMatch } from './checks.mjs';
import { eventually, outcomeOf, runBounded } from './run-bounded.mjs';

const PROGRAMS = ['collector', 'worker', 'producer', 'queue', 'doctor'];
/** Those that go on until they are told to end. */
const SERVERS = ['collector', 'worker'];
/** Prints { path: version } of every package in the image. */
const LIST_PACKAGES = `
const { readdirSync, readFileSync, existsSync } = require('node:fs');
const found = {};
const visit = (folder) => {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name.startsWith('@')) { visit(folder + '/' + name); continue; }
    const file = folder + '/' + name + '/package.json';
    if (!existsSync(file)) continue;
    found[folder + '/' + name] = JSON.parse(readFileSync(file, 'utf8')).version;
    visit(folder + '/' + name + '/node_modules');
  }
};
visit('node_modules');
console.log(JSON.stringify(found));`;
/** Prints every file that could only be a source, a type or a map. */
const LIST_SOURCES = `find /app -name '*.ts' -o -name '*.map' -o -name '*.cpp'`;
/** Prints the tools of development that can be run. */
const LIST_TOOLS = `for tool in npm npx yarn corepack tsc nx jest eslint; do command -v $tool; done; true`;

/** What is in the images and how they behave, seen from inside. The images have been built. */
export async function imageChecks(checks, project) {
  for (const program of PROGRAMS) {
    await checks.group(`The image of the ${program}`, async () => {
      const image = await imageOf(project, program);
      const shell = async (script) => (await runIn(image, 'sh', '-c', script)).stdout.trim();
      await checks.check('has a size', () => sizeOf(image));
      await checks.check('runs as a user without rights', async () =>
        expectEqual('user id', await shell('id -u'), '1000'),
      );
      await checks.check('starts without a shell, in the production environment', async () => {
        const { Config } = await inspectImage(image);
        expectEqual('entry point', Config.Entrypoint, ['node', 'main.js']);
        expectMatch('variables', Config.Env.join(' '), /NODE_ENV=production/);
      });
      await checks.check('has no tools of development', async () =>
        expectEqual('tools', await shell(LIST_TOOLS), ''),
      );
      await checks.check('has no sources, types or maps', async () =>
        expectEqual('files', await shell(LIST_SOURCES), ''),
      );
      await checks.check('has packages as locked, and none of development', async () => {
        const { stdout } = await runIn(image, 'node', '-e', LIST_PACKAGES);
        return packagesAreLocked(program, JSON.parse(stdout));
      });
      if (program === 'producer') return;
      await checks.check('has the binary of LMDB for this platform only', async () => {
        const binaries = (await shell(`find /app -name '*.node' -path '*lmdb*'`)).split('\n');
        expectEqual('binaries', binaries.length, 1);
        await shell(`node -e "require('lmdb').open({ path: '/tmp/try' }).close()"`);
      });
      if (program === 'worker' || program === 'doctor') {
        await checks.check('has the binary of SQLite', () =>
          shell(`node -e "new (require('libsql'))(':memory:').close()"`).then(() => undefined),
        );
      }
      if (!SERVERS.includes(program)) return;
      await checks.check('ends on SIGTERM as the first process of its container', () =>
        endsOnSigterm(image),
      );
    });
  }
  await checks.group('The running containers', async () => {
    await checks.need(project.line('up', '-d'), async () => {
      await project.run(['up', '-d']);
      await project.healthy({ redis: 1, postgres: 1, collector: 1, worker: 1 });
    });
    for (const program of SERVERS) {
      await checks.check(`${program}: nothing on its root file system can be written`, async () => {
        const script =
          'for folder in / /app /tmp /home/node; do touch $folder/x && echo $folder; done; true';
        expectEqual('folders', await project.exec(program, 'sh', '-c', script), '');
      });
      await checks.check(`${program}: writes log lines of JSON only`, () =>
        jsonLines(project, program),
      );
    }
    await checks.check('redis: everything acknowledged is on disk', () => redisSettings(project));
  });
}

async function imageOf(project, program) {
  const prefix = `${project.name}`;
  const { stdout } = await runBounded('docker', ['images', '--format', '{{.Repository}}']);
  const names = [`${prefix}-${program}`, `${prefix}_${program}`];
  return stdout.split('\n').find((name) => names.includes(name)) ?? names[0];
}

/** Runs a command in a container of its own, as the image has it. */
function runIn(image, command, ...args) {
  return runBounded('docker', [
    'run',
    '--rm',
    '--network',
    'none',
    '--entrypoint',
    command,
    image,
    ...args,
  ]);
}

async function inspectImage(image) {
  const { stdout } = await runBounded('docker', ['image', 'inspect', image]);
  return JSON.parse(stdout)[0];
}

async function sizeOf(image) {
  const { Size } = await inspectImage(image);
  const { stdout } = await runIn(image, 'du', '-sm', '/app');
  return `${Math.round(Size / 1e6)} MB, of which ${parseInt(stdout, 10)} MB are ours`;
}

function packagesAreLocked(program, found) {
  const { packages } = JSON.parse(readFileSync(inWorkspace('package-lock.json'), 'utf8'));
  const locked = new Set(
    Object.entries(packages)
      .filter(([, { dev }]) => dev !== true)
      .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/'))} ${version}`),
  );
  const installed = Object.entries(found).map(
    ([path, version]) => `${path.slice(path.lastIndexOf('node_modules/'))} ${version}`,
  );
  expectEqual(
    'packages that the lock file does not have for production',
    installed.filter((name) => !locked.has(name)),
    [],
  );
  const foreign = {
    collector: /^node_modules\/(pg|libsql)$/,
    producer: /^node_modules\/(lmdb|ioredis|pg|libsql|pino)$/,
    worker: /reflection|cli-progress/,
    queue: /^node_modules\/(pg|libsql)$/,
    doctor: /reflection/,
  };
  const unused = Object.keys(found).filter((name) => foreign[program]?.test(name));
  expectEqual('packages of other programs', unused, []);
  return `${installed.length} packages`;
}

/** Without an init process, which compose adds: the program has to see to signals itself. */
async function endsOnSigterm(image) {
  const { stdout } = await runBounded('docker', [
    'run',
    '--detach',
    '--network',
    'none',
    '--read-only',
    image,
  ]);
  const id = stdout.trim();
  try {
    await eventually('it has started', async () => {
      const { stdout: logs } = await outcomeOf('docker', ['logs', id]);
      return /"msg":"started"/.test(logs);
    });
    await runBounded('docker', ['stop', '-t', '30', id]);
    const { stdout: state } = await runBounded('docker', [
      'inspect',
      '--format',
      '{{.State.ExitCode}}',
      id,
    ]);
    expectEqual('exit code', state.trim(), '0');
  } finally {
    await outcomeOf('docker', ['rm', '--force', id]);
  }
}

async function jsonLines(project, program) {
  const [container] = await project.containers(program);
  const { stdout, stderr } = await runBounded('docker', ['logs', container.Id]);
  expectEqual('standard error', stderr, '');
  const lines = stdout.split('\n').filter(Boolean);
  for (const text of lines) {
    const { level, time, name, msg } = JSON.parse(text);
    expectEqual(
      'types',
      [level, time, msg].map((value) => typeof value),
      ['string', 'string', 'string'],
    );
    expectEqual('name', name, program);
  }
  return `${lines.length} lines`;
}

async function redisSettings(project) {
  const wanted = {
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    'auto-aof-rewrite-min-size': String(2 ** 30),
    save: '',
  };
  for (const [name, value] of Object.entries(wanted)) {
    const [, found = ''] = (await project.redis('CONFIG', 'GET', name)).split('\n');
    expectEqual(name, found, value);
  }
}
