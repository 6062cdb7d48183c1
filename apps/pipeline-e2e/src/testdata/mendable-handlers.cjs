const { appendFileSync, existsSync } = require('node:fs');

/**
 * Broken until the file MENDED_FILE exists: events of the type "retried" fail as often as they may,
 * all others for good. Mended, it is as recording-handlers.cjs.
 */
const handle = (error) => async (event) => {
  if (!existsSync(process.env.MENDED_FILE)) throw error();
  appendFileSync(process.env.RECORD_FILE, `${process.pid} ${event.eventId}\n`);
};

module.exports = {
  retried: handle(() => Object.assign(new Error('try again'), { retryAfterMs: 1 })),
  '*': handle(() => Object.assign(new Error('this is broken'), { permanent: true })),
};
