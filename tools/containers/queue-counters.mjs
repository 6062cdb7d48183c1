import { eventually } from './run-bounded.mjs';

/** What the queue itself has counted: { enqueued, processed, … }, 0 where nothing was counted. */
export async function queueCounters(project) {
  const words = (await project.redis('HGETALL', '{event_queue}:counters')).split('\n');
  const counters = { enqueued: 0, processed: 0, leased: 0 };
  for (let i = 0; i + 1 < words.length; i += 2) counters[words[i]] = Number(words[i + 1]);
  return counters;
}

/** Waits until everything enqueued was processed, and says how many events that were. */
export async function allProcessed(project, limitMs = 90_000) {
  const settled = await eventually(
    'everything enqueued is processed',
    async () => {
      const counters = await queueCounters(project);
      return counters.processed === counters.enqueued && counters;
    },
    limitMs,
  ).catch(async (error) => {
    const counters = JSON.stringify(await queueCounters(project));
    throw new Error(`${error.message}: ${counters}`, { cause: error });
  });
  const rest = [
    await project.redis('LLEN', 'event_queue'),
    await project.redis('ZCARD', '{event_queue}:delayed'),
    await project.redis('XLEN', '{event_queue}:dead'),
  ];
  if (rest.some((count) => count !== '0')) {
    throw new Error(`pending, delayed, dead: ${rest.join(', ')}; expected nothing left`);
  }
  return settled;
}
