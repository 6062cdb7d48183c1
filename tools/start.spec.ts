import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs ES module code in a process of its own, in this folder. */
function run(code: string) {
  const args = ['--input-type=module', '-e', code];
  return spawnSync(process.execPath, args, { cwd: __dirname, encoding: 'utf8' });
}

describe('npm start, npm test and npm run queue', () => {
  it.each(['start.mjs', 'test.mjs', 'queue.mjs'])(
    '%s says in one line that Node.js is too old',
    (file) => {
      const pretend = `Object.defineProperty(process, 'version', { value: 'v20.18.3' });`;
      const { status, stderr, stdout } = run(`${pretend} await import('./${file}');`);
      expect(stderr).toBe('Node.js 20.19 or newer is needed, this is 20.18.3.\n');
      expect(stdout).toBe('');
      expect(status).toBe(2);
    },
  );

  it('know which versions are new enough', () => {
    const versions = ['v12.22.9', 'v18.20.0', 'v20.18.9', 'v20.19.0', 'v22.0.0-pre', 'v100.1.0'];
    const code = `
      import { isNewEnough } from './node-version.mjs';
      console.log(JSON.stringify(${JSON.stringify(versions)}.map(isNewEnough)));`;
    expect(JSON.parse(run(code).stdout)).toEqual([false, false, false, true, true, true]);
  });

  it.each(['start.mjs', 'test.mjs', 'queue.mjs', 'node-version.mjs'])(
    '%s keeps to what Node.js 12 can read, or it could not say so',
    (file) => {
      const code = readFileSync(join(__dirname, file), 'utf8').replace(/^#!.*|\/\/.*/gm, '');
      expect(code).not.toMatch(/\?\?|\?\.|\|\|=|&&=|node:|^\s*await |#\w/m);
    },
  );
});

describe('the installed packages', () => {
  const lock = {
    '': { version: '1' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b-elsewhere': { version: '2.0.0', optional: true },
  };
  const present = { 'node_modules/a': lock['node_modules/a'] };
  const isInstalled = (packages: object) => {
    const code = `
      import { isInstalled } from './workspace/install.mjs';
      const installed = isInstalled(${JSON.stringify({ packages: lock })}, ${JSON.stringify({ packages })});
      console.log(JSON.stringify(installed));`;
    return JSON.parse(run(code).stdout) as boolean;
  };

  it('are those of the lock file, but for other platforms', () => {
    expect(isInstalled(present)).toBe(true);
    expect(isInstalled({ ...present, 'node_modules/b-elsewhere': { version: '2.0.0' } })).toBe(
      true,
    );
  });

  it('are not when one is missing, of another version, or too many', () => {
    expect(isInstalled({})).toBe(false);
    expect(isInstalled({ 'node_modules/a': { version: '1.0.1' } })).toBe(false);
    expect(isInstalled({ ...present, 'node_modules/c': { version: '1.0.0' } })).toBe(false);
  });
});
