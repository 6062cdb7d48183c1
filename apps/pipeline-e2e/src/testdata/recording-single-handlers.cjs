const { appendFileSync } = require('node:fs');

/** As recording-handlers.cjs, one event at a time and taking a moment for each. */
module.exports = {
  '*': async ({ eventId }) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    appendFileSync(process.env.RECORD_FILE, `${process.pid} ${eventId}\n`);
  },
};
