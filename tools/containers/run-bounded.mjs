import { spawn } from 'node:child_process';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../workspace/paths.mjs';

/** Of a command's output, this much is kept. */
const KEPT_OUTPUT = 10_000_000;
const POLL_MS = 200;

const running = new Set();

/** Ends every command that runs, at once. */
export function endAll() {
  for (const child of running) signalGroup(child, 'SIGKILL');
}

/**
 * Runs a command in the workspace, for at most `limitMs`, without a terminal. Resolves with its
 * output once it succeeded, or once its output matches `until`, which ends it; rejects with what it
 * printed otherwise.
 */
export async function runBounded(
  command,
  args,
  { env = process.env, limitMs = 60_000, until } = {},
) {
  const result = await outcomeOf(command, args, { env, limitMs, until });
  const { code, stdout, stderr, matched } = result;
  if (code === 0 || matched) return result;
  const printed = `${stdout}${stderr}`.trim().split('\n').slice(-15).join('\n');
  const end = result.timedOut ? `did not end within ${limitMs / 1_000} s` : `ended with ${code}`;
  throw new Error(`${[command, ...args].join(' ')} ${end}:\n${printed}`);
}

/** The same, for a command that may fail: resolves in any case. */
export function outcomeOf(command, args, { env = process.env, limitMs = 60_000, until } = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, so that all of it can be ended.
    detached: true,
  });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  let timedOut = false;
  let matched = false;
  const timer = setTimeout(() => {
    timedOut = true;
    signalGroup(child, 'SIGKILL');
  }, limitMs);
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] = (output[name] + text).slice(-KEPT_OUTPUT);
      if (matched || !until?.(output[name])) return;
      matched = true;
      signalGroup(child, 'SIGKILL');
    });
  }
  return new Promise((resolve) => {
    const end = (code, problem = '') => {
      clearTimeout(timer);
      running.delete(child);
      const stderr = output.stderr + problem;
      resolve({ ...output, stderr, code, timedOut, matched });
    };
    child.once('error', (error) => end(127, error.message));
    child.once('close', (code, signal) => end(code ?? signal));
  });
}

/** Resolves with what `probe` gives as soon as that is truthy; rejects after `limitMs`. */
export async function eventually(what, probe, limitMs = 60_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs / 1_000} s`);
    await sleep(POLL_MS);
  }
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
