// Handlers of your own, by event type. Run a worker with them:
//
//     WORKER_HANDLERS=./examples/handlers/my-handlers.js node dist/apps/worker/main.js
//
// An event is { eventId, type, timestamp, receivedAt, attributes, data, … }. It may come more than
// once (after a failure or a crash), so what a handler does should be safe to repeat: use the
// eventId as the key.

const accounts = new Map();

/** One event at a time. Returning means done; throwing means that it is tried again later. */
async function userLogin(event, { attempt, signal, logger }) {
  const account = event.data?.account;
  if (account === undefined) {
    // Trying again would not help: this goes to the dead letters at once.
    throw Object.assign(new Error('a login needs data.account'), { permanent: true });
  }
  if (account === 'locked' && attempt < 3) {
    // Tried again after 50 ms instead of the usual growing delay.
    throw Object.assign(new Error('the account is locked'), { retryAfterMs: 50 });
  }
  // Stop what takes long when the signal aborts: the worker shuts down or has lost the event.
  signal.throwIfAborted();
  accounts.set(event.eventId, account);
  logger.info({ account, logins: accounts.size }, 'A user logged in');
}

/** Many events at once: all of this type in a lease. Good for databases and other bulk work. */
const pageView = {
  async batch(events, { logger }) {
    const failures = [];
    events.forEach((event, index) => {
      if (typeof event.data?.url !== 'string') {
        const error = Object.assign(new Error('a page view needs data.url'), { permanent: true });
        failures.push({ index, error });
      }
    });
    logger.info({ views: events.length - failures.length }, 'Pages were viewed');
    return failures; // all others are done; return nothing when there are none
  },
};

module.exports = {
  user_login: userLogin,
  page_view: pageView,
  // Every other type. Without it such events are only counted.
  '*': (event, { logger }) => logger.info({ type: event.type }, 'Something else happened'),
};
