import { join } from 'node:path';
import { systemClock } from '@event-pipeline/runtime';
import { Display } from './display';
import { runQuickstart } from './run-quickstart';

/** Signals this soon after the first are copies of it: npm forwards what the terminal sent anyway. */
const SAME_SIGNAL_MS = 1_000;

const stop = new AbortController();
const force = new AbortController();
let stoppedAt = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) {
      stoppedAt = systemClock.monotonic();
      stop.abort();
    } else if (systemClock.monotonic() - stoppedAt > SAME_SIGNAL_MS) force.abort();
  });
}

void runQuickstart({
  args: process.argv.slice(2),
  env: process.env,
  programs: join(__dirname, '..'),
  clock: systemClock,
  display: new Display(process.stdout),
  complain: (line) => void process.stderr.write(`${line}\n`),
  stop: stop.signal,
  force: force.signal,
}).then((code) => process.exit(code));
