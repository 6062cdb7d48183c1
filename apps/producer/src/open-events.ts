import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { PipelineError, messageOf, shownValue } from '@event-pipeline/runtime';
import { GeneratedEvents } from './event-generator';
import type { EventSource } from './event-source';
import { NdjsonEvents, type NdjsonDeps } from './ndjson-events';
import type { ProducerOptions } from './producer-options';

/** Read at once from a file. */
const READ_BYTES = 262_144;

/**
 * The source that the options ask for.
 *
 * @throws PipelineError CONFIG_INVALID for a file that cannot be opened.
 */
export async function openEvents(
  events: ProducerOptions['events'],
  stdin: () => Readable,
  deps: NdjsonDeps,
): Promise<EventSource> {
  if (events.from === 'generator') return new GeneratedEvents(events, deps);
  if (events.path === '-') return new NdjsonEvents(stdin(), deps);
  return new NdjsonEvents(await openFile(events.path), deps);
}

async function openFile(path: string): Promise<Readable> {
  try {
    const file = await open(path, 'r');
    if ((await file.stat()).isDirectory()) {
      await file.close();
      throw new Error('it is a folder');
    }
    return file.createReadStream({ highWaterMark: READ_BYTES });
  } catch (error) {
    const reason = `--file: cannot read ${shownValue(path)}: ${messageOf(error)}`;
    throw new PipelineError('CONFIG_INVALID', reason, { cause: error });
  }
}
