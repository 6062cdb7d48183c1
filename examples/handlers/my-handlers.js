// Handlers of your own, by event type. Run a worker with them:
//
//     WORKER_HANDLERS=./examples/handlers/my-handlers.js node dist/apps/worker/main.js
//
// An event is { eventId, type, timestamp, receivedAt, attributes, data, … }; data is absent where
// the producer sent none. An event may come more than once (after a failure or a crash), so what a
// handler does should be safe to repeat: use the eventId as the key.

/** One event at a time. Returning means done; throwing means that it is tried again later. */
async function userLogin(event, { attempt, signal, logger }) {
  const account = event.data?.account ?? 'unknown';
  if (typeof account !== 'string') {
    // Trying again would not help: this goes to the dead letters at once.
    throw Object.assign(new Error('data.account is no text'), { permanent: true });
  }
  if (account === 'locked' && attempt < 3) {
    // Tried again after 50 ms instead of the usual growing delay.
    throw Object.assign(new Error('the account is locked'), { retryAfterMs: 50 });
  }
  // Hand the signal to whatever waits, e.g. fetch(url, { signal }): it aborts when the worker has
  // lost the event, when this took too long, or when the worker shuts down.
  signal.throwIfAborted();
  logger.debug({ account }, 'A user logged in');
}

/** Many events at once: all of this type in a lease. Good for databases and other bulk work. */
const pageView = {
  async batch(events, { logger }) {
    const failures = [];
    const views = new Map();
    events.forEach((event, index) => {
      const url = event.data?.url ?? 'unknown';
      if (typeof url === 'string') {
        views.set(url, (views.get(url) ?? 0) + 1);
      } else {
        const error = Object.assign(new Error('data.url is no text'), { permanent: true });
        failures.push({ index, error });
      }
    });
    logger.info({ views: Object.fromEntries(views) }, 'Pages were viewed');
    return failures; // all others are done; return nothing where none failed
  },
};

module.exports = {
  // A function alone, or with settings of its own where those of the worker do not fit.
  user_login: {
    handle: userLogin,
    retry: { maxAttempts: 5, baseDelayMs: 500, maxDelayMs: 30_000, maxAgeMs: 3_600_000 },
    timeoutMs: 10_000, // a call that takes longer is given up and tried again
  },
  page_view: pageView,
  // Every other type. Without it such events are only counted.
  '*': (event, { logger }) => logger.debug({ type: event.type }, 'Something else happened'),
};
