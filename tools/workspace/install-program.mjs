import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { runQuietly } from './run-command.mjs';

/** Debian asks this file before an installation starts a service; 101 forbids it. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';
/** Debian's PostgreSQL creates a database cluster as it is installed, unless this file forbids it. */
const CLUSTER_SETTINGS = '/etc/postgresql-common/createcluster.conf';

/** Whether programs can be installed without asking anyone: as root, where there is apt-get. */
export function canInstall() {
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
}

/** Installs the programs of a package only: no service is started, no database is created. */
export async function installPackage(name) {
  const env = { DEBIAN_FRONTEND: 'noninteractive', UCF_FORCE_CONFFOLD: '1' };
  const holdsPolicy = writeNew(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', 0o755);
  writeNew(CLUSTER_SETTINGS, 'create_main_cluster = false\n', 0o644);
  try {
    return (
      (await runQuietly('Fetching package lists', 'apt-get', ['update'], { env })) &&
      (await runQuietly(
        `Installing ${name}`,
        'apt-get',
        ['install', '-y', '--no-install-recommends', name],
        { env },
      ))
    );
  } finally {
    if (holdsPolicy) rmSync(SERVICE_POLICY, { force: true });
  }
}

/** Leaves a file that is there as it is. Answers whether it wrote one. */
function writeNew(file, text, mode) {
  if (existsSync(file)) return false;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode });
  return true;
}

/**
 * The sentence that tells a person how to install something here.
 *
 * @param names the package by its package manager; `win32` is a whole sentence, `elsewhere` a URL
 */
export function howToInstall(names) {
  const has = (program) => spawnSync(program, ['--version']).error === undefined;
  if (process.platform === 'darwin') return `Install it: brew install ${names.brew}`;
  if (process.platform === 'win32') return names.win32;
  if (has('apt-get')) return `Install it: sudo apt-get install ${names.apt}`;
  if (has('dnf')) return `Install it: sudo dnf install ${names.dnf}`;
  if (has('apk')) return `Install it: apk add ${names.apk}`;
  if (has('pacman')) return `Install it: sudo pacman -S ${names.pacman}`;
  return `Install it: ${names.elsewhere}`;
}
