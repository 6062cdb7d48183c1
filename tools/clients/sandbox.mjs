import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { inWorkspace } from '../workspace/paths.mjs';

/** Of what the commands say, this much is kept. */
const KEPT_OUTPUT = 100_000;
/** What the examples generate and install: a machine that has never run them has none of it. */
const GENERATED = /\/(\.venv|target|__pycache__|examples\/clients\/\w+\/event)$/;

/** A copy of what the commands in the documents need, in a folder of its own. */
export class Sandbox {
  folder = mkdtempSync(join(tmpdir(), 'clients-'));
  #running = new Set();
  #remove = () => this.remove();

  constructor() {
    // Whatever ends this process, it leaves nothing behind.
    process.on('exit', this.#remove);
    for (const path of ['examples', 'proto', 'package.json']) {
      const filter = (source) => !GENERATED.test(source);
      cpSync(inWorkspace(path), join(this.folder, path), { recursive: true, filter });
    }
    symlinkSync(inWorkspace('node_modules'), join(this.folder, 'node_modules'));
  }

  /**
   * Runs commands as a user would type them, from the root of the copy. Resolves to
   * `{ code, said }`, what came on both outputs; commands that take too long are ended.
   */
  run(commands, limitMs) {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', commands], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that all of it can be ended.
      detached: true,
    });
    this.#running.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => (said = (said + chunk).slice(-KEPT_OUTPUT)));
    }
    const timer = setTimeout(() => {
      said += `\nended after ${limitMs / 1_000} s\n`;
      endGroup(child);
    }, limitMs);
    return new Promise((resolve) => {
      child.once('close', (code) => {
        clearTimeout(timer);
        this.#running.delete(child);
        resolve({ code, said });
      });
    });
  }

  remove() {
    process.off('exit', this.#remove);
    for (const child of this.#running) endGroup(child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
