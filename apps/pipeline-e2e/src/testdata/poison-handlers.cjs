const { appendFileSync } = require('node:fs');

/**
 * As recording-handlers.cjs, but for the event named by POISON: it throws where nobody catches it,
 * as an 'error' event without a listener does, and ends the process.
 */
module.exports = {
  '*': async ({ eventId }) => {
    if (eventId === process.env.POISON) {
      setTimeout(() => {
        throw new Error('nobody catches this');
      }, 1);
      await new Promise(() => undefined);
    }
    appendFileSync(process.env.RECORD_FILE, `${process.pid} ${eventId}\n`);
  },
};
