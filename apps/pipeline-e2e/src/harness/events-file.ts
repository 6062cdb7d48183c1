import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Scratch } from './scratch';

/** The id of the n-th event: ids sort as the events were sent. */
export function eventId(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

export function eventIds(count: number): string[] {
  return Array.from({ length: count }, (_, n) => eventId(n));
}

/** Writes events for `producer --file`, numbered by their ids. */
export async function writeEventsFile(count: number, scratch: Scratch): Promise<string> {
  const path = join(await scratch.folder(), 'events.ndjson');
  const file = createWriteStream(path);
  for (let n = 0; n < count; n++) {
    const line = `{"eventId":"${eventId(n)}","type":"e2e","data":{"n":${n}}}\n`;
    if (!file.write(line)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
  return path;
}
