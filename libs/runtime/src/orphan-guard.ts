import { spawn } from 'node:child_process';

/** The child is over: nothing is left to guard. */
export interface OrphanGuard {
  release(): void;
}

/**
 * Sees to it that another process does not outlive this one, even when this one is killed: a shell
 * waits for the end of its standard input, which comes with the end of this process, and then sends
 * the signal, and removes the folder where one is given.
 *
 * Costs one sleeping shell. It does not keep this process alive, and a terminal's Ctrl-C does not
 * reach it. Where there is no POSIX shell it does nothing.
 */
export function guardOrphan(
  pid: number,
  options: { readonly signal: 'SIGTERM' | 'SIGKILL'; readonly removeFolder?: string },
): OrphanGuard {
  if (process.platform === 'win32') return { release: () => undefined };
  const script =
    'read -r word && exit 0; kill -s "$2" "$1" 2>/dev/null; [ -z "$3" ] || rm -rf -- "$3"; exit 0';
  const signal = options.signal.replace('SIG', '');
  const args = ['-c', script, 'orphan-guard', String(pid), signal, options.removeFolder ?? ''];
  const guard = spawn('/bin/sh', args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guard.on('error', () => undefined);
  guard.unref();
  const { stdin } = guard;
  // Whoever kills the shell has no need of it; a pipe is a socket here, so it can be let go.
  stdin.on('error', () => undefined);
  (stdin as unknown as { unref?(): void }).unref?.();
  return { release: () => void stdin.end('over\n') };
}
