import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..');

interface LockEntry {
  readonly version?: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

describe('package-lock.json', () => {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, LockEntry>> };

  it('names the binaries of every platform, or npm ci fails on the others', () => {
    const script = join(__dirname, 'lock-file-platforms.mjs');
    const { status, stdout } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it.each([
    ['@swc/core-darwin-arm64', 'darwin', 'arm64'],
    ['@bufbuild/buf-linux-aarch64', 'linux', 'arm64'],
    ['@esbuild/win32-x64', 'win32', 'x64'],
    ['@lmdb/lmdb-linux-arm64', 'linux', 'arm64'],
    ['@nx/nx-darwin-arm64', 'darwin', 'arm64'],
    ['@unrs/resolver-binding-linux-arm64-musl', 'linux', 'arm64'],
    ['@msgpackr-extract/msgpackr-extract-darwin-arm64', 'darwin', 'arm64'],
  ])('says which platform %s is for', (name, os, cpu) => {
    expect(packages[`node_modules/${name}`]).toMatchObject({ os: [os], cpu: [cpu] });
  });

  it('names no host of a registry: each user has their own', () => {
    expect(text).not.toMatch(/"resolved"/);
  });
});
