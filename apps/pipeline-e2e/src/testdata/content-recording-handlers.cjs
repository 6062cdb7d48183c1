const { createHash } = require('node:crypto');
const { appendFileSync } = require('node:fs');

/**
 * Handlers for WORKER_HANDLERS that take HANDLER_TEST_MS for each batch and then write down what they
 * were given: RECORD_FILE gets a line for each event, its id and what stands for its content (as
 * contentOf in harness/load/numbered-event.ts has it), before the events are settled.
 *
 * HANDLER_TEST_FAULT says what happens to the events whose ids are in HANDLER_TEST_FAULT_IDS, or to
 * all where that is "*": "fails", "never-succeeds" (a permanent error), "hangs" (the whole call).
 */
const { HANDLER_TEST_FAULT: fault, HANDLER_TEST_FAULT_IDS: faultIds = '' } = process.env;
const isFaulty = ({ eventId }) => faultIds === '*' || faultIds.split(',').includes(eventId);

module.exports = {
  '*': {
    async batch(events) {
      await new Promise((resolve) => setTimeout(resolve, Number(process.env.HANDLER_TEST_MS)));
      const bad = fault === undefined ? [] : events.filter(isFaulty);
      if (fault === 'hangs' && bad.length > 0) await new Promise(() => undefined);
      const lines = events
        .filter((event) => !bad.includes(event))
        .map(({ eventId, type, timestamp, data }) => {
          const text = JSON.stringify([type, timestamp, data]);
          return `${eventId} ${createHash('md5').update(text).digest('base64url')}\n`;
        });
      // A process that was killed may have left half a line; nobody goes on writing it.
      appendFileSync(process.env.RECORD_FILE, `\n${lines.join('')}`);
      const permanent = fault === 'never-succeeds';
      return bad.map((event) => ({
        index: events.indexOf(event),
        error: Object.assign(new Error('planted by the test'), { permanent }),
      }));
    },
  },
};
