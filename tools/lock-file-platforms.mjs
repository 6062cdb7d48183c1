// Sees to it that each package-lock.json names the binaries of every platform, not only those that the
// registry gave when it was written: otherwise `npm ci` fails elsewhere with "Missing: … from lock
// file". What is added bears no checksum; the next `npm install` that can fetch it adds one.
//
//   node tools/lock-file-platforms.mjs            completes the files
//   node tools/lock-file-platforms.mjs --check    names what is missing, exit code 1
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony'];
OS.push('sunos', 'win32');
/** Parts of a package's name and the processor they stand for. */
const CPU = { aarch64: 'arm64', armv7: 'arm' };
for (const cpu of ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x']) {
  CPU[cpu] = cpu;
}
CPU.x64 = 'x64';
const LIBC = { gnu: 'glibc', glibc: 'glibc', musl: 'musl' };

/** The entries a lock file lacks, by their path in it. */
export function missingPlatforms(lock) {
  const missing = {};
  for (const entry of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      if (lock.packages[path] !== undefined) continue;
      const parts = name.split(/[/-]/);
      const os = parts.find((part) => OS.includes(part));
      const cpu = CPU[parts.find((part) => Object.hasOwn(CPU, part)) ?? ''];
      if (os === undefined || cpu === undefined || !/^\d/.test(version)) continue;
      const libc = LIBC[parts.at(-1)];
      missing[path] = {
        version,
        cpu: [cpu],
        ...(entry.dev === true && { dev: true }),
        ...(libc !== undefined && { libc: [libc] }),
        optional: true,
        os: [os],
      };
    }
  }
  return missing;
}

const LOCK_FILES = ['package-lock.json', 'bench/baselines/package-lock.json'];

function main() {
  for (const name of LOCK_FILES) complete(name);
}

function complete(lockFile) {
  const file = new URL(`../${lockFile}`, import.meta.url);
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingPlatforms(lock);
  const names = Object.keys(missing);
  for (const name of names) console.log(name.replace('node_modules/', ''));
  if (names.length === 0) return;
  if (process.argv.includes('--check')) {
    console.error(`${lockFile} lacks these: run "node tools/lock-file-platforms.mjs"`);
    process.exitCode = 1;
    return;
  }
  const { '': root, ...packages } = { ...lock.packages, ...missing };
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = { '': root, ...Object.fromEntries(sorted) };
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
