const { createHash } = require('node:crypto');
const { appendFileSync } = require('node:fs');

/**
 * Handlers for WORKER_HANDLERS that take HANDLER_TEST_MS for each batch and then write down what they
 * were given: RECORD_FILE gets a line for each event, its id and what stands for its content (as
 * contentOf in harness/load/numbered-event.ts has it), before the events are settled.
 */
module.exports = {
  '*': {
    async batch(events) {
      await new Promise((resolve) => setTimeout(resolve, Number(process.env.HANDLER_TEST_MS)));
      const lines = events.map(({ eventId, type, timestamp, data }) => {
        const text = JSON.stringify([type, timestamp, data]);
        return `${eventId} ${createHash('md5').update(text).digest('base64url')}\n`;
      });
      // A process that was killed may have left half a line; nobody goes on writing it.
      appendFileSync(process.env.RECORD_FILE, `\n${lines.join('')}`);
    },
  },
};
