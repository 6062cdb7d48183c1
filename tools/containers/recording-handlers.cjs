const { appendFileSync } = require('node:fs');
const { hostname } = require('node:os');
const { setTimeout } = require('node:timers/promises');

/** Long enough that a worker which is killed has leases in its hands. */
const WORK_MS = 50;

/** Handlers that write down what they have handled: a line for each event, a file for each container. */
module.exports = {
  '*': {
    async batch(events, { signal }) {
      await setTimeout(WORK_MS, undefined, { signal });
      const lines = events.map(({ eventId }) => `${eventId}\n`);
      appendFileSync(`/records/${hostname()}`, lines.join(''));
    },
  },
};
