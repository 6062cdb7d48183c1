import { spawn } from 'node:child_process';
import process from 'node:process';
import { clearInterval, setInterval, setTimeout } from 'node:timers';
import { root } from './paths.mjs';

/** Of a quiet command's output, this much is kept for the case that it fails. */
const KEPT_OUTPUT = 100_000;
/** How long a command may take to end once it was told to. */
const GRACE_MS = 5_000;
const onWindows = process.platform === 'win32';

/**
 * Runs a command in the workspace and resolves to how it ended. It runs in a process group of its
 * own, which ends with this process on SIGINT, SIGTERM and SIGHUP: so a terminal's Ctrl-C reaches
 * each process once, and nothing is left running.
 */
export function runCommand(command, args, { env = {}, quiet = false } = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    detached: !onWindows,
    // npm is a batch file there.
    shell: onWindows && !command.endsWith('.exe'),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => (output = (output + chunk).slice(-KEPT_OUTPUT)));
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  let interruptedBy;
  const interrupt = (signal) => {
    if (interruptedBy !== undefined) return;
    interruptedBy = signal;
    signalGroup(child, 'SIGTERM');
    setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS).unref();
  };
  for (const signal of signals) process.on(signal, interrupt);
  return new Promise((resolve) => {
    const end = (code, problem) => {
      for (const signal of signals) process.off(signal, interrupt);
      if (interruptedBy !== undefined) process.exit(interruptedBy === 'SIGINT' ? 130 : 143);
      resolve({ ok: code === 0, code: code ?? 1, output: problem ?? output });
    };
    child.once('error', (error) => end(1, `${command}: ${error.message}\n`));
    // What the command itself left running ends with it.
    child.once('exit', () => signalGroup(child, 'SIGKILL'));
    child.once('close', (code) => end(code));
  });
}

function signalGroup(child, signal) {
  try {
    if (onWindows) child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

/**
 * Runs a command without its noise: one line says what is going on and how long it took; its output
 * is shown only when it fails. Resolves to whether it succeeded.
 *
 * @param say where the line goes: standard output unless given
 */
export async function runQuietly(title, command, args, { say = process.stdout, ...options } = {}) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1_000)} s`;
  const { isTTY } = say;
  const show = () => say.write(`\r${title} … ${seconds()}`);
  if (isTTY) show();
  else say.write(`${title} …\n`);
  const timer = isTTY ? setInterval(show, 1_000) : undefined;
  const { ok, output } = await runCommand(command, args, { ...options, quiet: true });
  clearInterval(timer);
  const outcome = `${title}: ${ok ? 'done' : 'failed'} in ${seconds()}`;
  say.write(isTTY ? `\r${outcome}\n` : `${outcome}\n`);
  if (!ok) process.stderr.write(`\n${output.trimEnd()}\n\n`);
  return ok;
}
