/** A program for run-program.e2e.spec.ts: the real thing but for what it does. */
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { defineConfig } from '../config';
import { env, flag, integer, oneOf } from '../config-fields';
import { runProgram } from '../run-program';

const config = defineConfig({
  handles: env('EXAMPLE_HANDLES', flag(), {
    default: true,
    description: 'Whether it leaves handles open that keep a process alive',
  }),
  fault: env('EXAMPLE_FAULT', oneOf(['none', 'rejection', 'exception', 'never-stops']), {
    default: 'none',
    description: 'What goes wrong once it runs',
  }),
  stopMs: env('EXAMPLE_STOP_MS', integer({ min: 0, max: 60_000 }), {
    default: 0,
    unit: 'ms',
    description: 'How long it takes to stop',
  }),
  graceMs: env('EXAMPLE_GRACE_MS', integer({ min: 0, max: 60_000 }), {
    default: 30_000,
    unit: 'ms',
    description: 'How long it may take to stop',
  }),
});

const write = (level: string) => (fields: object, message: string) =>
  void writeSync(1, `${JSON.stringify({ level, message, ...fields })}\n`);

const idle = () => Promise.resolve();

void runProgram({
  name: 'example',
  summary: 'Waits to be stopped.',
  config,
  graceMs: ({ graceMs }) => graceMs,
  logger: () => ({
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    flush: () => undefined,
  }),
  build: ({ handles, fault, stopMs }) => [
    // So many that Node would warn of a leak, were each one's interest in the stop one.
    ...Array.from({ length: 20 }, (_, n) => ({ name: `part ${n}`, start: idle, stop: idle })),
    {
      name: 'example',
      start: async () => {
        if (handles) {
          createServer().listen(0, '127.0.0.1');
          setInterval(() => undefined, 1_000);
        }
        if (fault === 'rejection') void Promise.reject(new Error('nobody catches this'));
        if (fault === 'exception') {
          setImmediate(() => {
            throw new Error('nobody catches this');
          });
        }
      },
      stop: () =>
        new Promise((resolve) => {
          if (fault !== 'never-stops') setTimeout(resolve, stopMs);
        }),
    },
  ],
});
