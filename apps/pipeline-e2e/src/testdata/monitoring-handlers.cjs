/** Handlers for WORKER_HANDLERS that give every metric of a worker something to show. */
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let hasBlocked = false;

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
  /** Lets the process stand still for far longer than a lease of the test, once. */
  blocks: () => {
    if (hasBlocked) return;
    hasBlocked = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
  },
  /** Never ends. */
  hangs: { handle: () => new Promise(() => undefined), timeoutMs: 300, retry: { maxAttempts: 1 } },
};
