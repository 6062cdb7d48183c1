/** Handlers for WORKER_HANDLERS that give every metric of a worker something to show. */
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

module.exports = {
  /** Long enough that leases are in hand when somebody looks. */
  '*': { batch: () => rest(60) },
  /** Fails the first time. */
  user_login: {
    handle: (_, { attempt }) => {
      if (attempt === 1) throw new Error('planted by the test');
    },
    retry: { baseDelayMs: 100, maxDelayMs: 100 },
  },
  /** Fails so often that it is paused. */
  never_works: {
    handle: () => {
      throw new Error('planted by the test');
    },
  },
  /** Never ends. */
  hangs: { handle: () => new Promise(() => undefined), timeoutMs: 300, retry: { maxAttempts: 1 } },
};
