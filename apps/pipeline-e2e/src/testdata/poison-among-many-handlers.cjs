const { appendFileSync } = require('node:fs');

const record = ({ eventId }) =>
  appendFileSync(process.env.RECORD_FILE, `${process.pid} ${eventId}\n`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The event named by POISON ends the process: at once, or (KILL=later) after its handler returned. */
function isPoison({ eventId }) {
  if (eventId !== process.env.POISON) return false;
  if (process.env.KILL !== 'later') process.abort();
  setTimeout(() => process.abort(), 5);
  return true;
}

/** Three forms of handlers, each slow enough for leases to be in hand when the process ends. */
module.exports = {
  single: async (event) => {
    await pause(1);
    if (!isPoison(event)) record(event);
  },
  batched: {
    async batch(events) {
      await pause(5);
      for (const event of events) if (!isPoison(event)) record(event);
    },
  },
  '*': (event) => {
    if (!isPoison(event)) record(event);
  },
};
