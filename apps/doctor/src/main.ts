import { nodeHost, systemClock, systemRandom } from '@event-pipeline/runtime';
import { runDoctor } from './run-doctor';

const { args, env, command, write } = nodeHost;
void runDoctor({ args, env, command, write, clock: systemClock, random: systemRandom }).then(
  (code) =>
    // What a check still waits for does not matter any more.
    process.exit(code),
);
