const { appendFileSync } = require('node:fs');

/**
 * Handlers for WORKER_HANDLERS that write down what they are given: RECORD_FILE gets a line for each
 * event, "process id, event id", before the event is settled.
 */
module.exports = {
  '*': {
    batch(events) {
      const lines = events.map(({ eventId }) => `${process.pid} ${eventId}\n`);
      appendFileSync(process.env.RECORD_FILE, lines.join(''));
    },
  },
};
