import { join } from 'node:path';
import { maskCredentials } from '@event-pipeline/runtime';
import type { Addresses } from './addresses';
import type { DataFolder } from './data-folder';
import { type QuickstartConfig, storeUrlFor } from './quickstart-config';

/** Where events are stored, for people. */
export interface PlaceOfStore {
  readonly text: string;
  /** False where events are not stored at all. */
  readonly exists: boolean;
  /** A command that shows something of what is stored; undefined where there is no such. */
  readonly look?: string;
}

/** What a run lives on. */
export interface Place {
  readonly addresses: Addresses;
  /** Where the queue is, for people. */
  readonly queue: string;
  readonly store: PlaceOfStore;
  readonly logs: string;
  /** The variables with which other commands look at the same queue and store; '' for none. */
  readonly variables: string;
}

/** What a run with this configuration lives on. */
export function placeOf(config: QuickstartConfig, folder: DataFolder, addresses: Addresses): Place {
  return {
    addresses,
    queue: queueInWords(config, folder),
    store: storeInWords(storeUrlFor(config, folder.path), config, folder),
    logs: folder.logs,
    variables: variablesFor(config, folder),
  };
}

function queueInWords(config: QuickstartConfig, folder: DataFolder): string {
  const { queueUrl, redisHost, redisPort } = config;
  if (queueUrl !== undefined) return maskCredentials(queueUrl);
  if (redisHost !== undefined) return `Redis at ${redisHost}:${redisPort}`;
  return `embedded, in ${join(folder.path, 'queue')}`;
}

function storeInWords(
  storeUrl: string,
  config: QuickstartConfig,
  folder: DataFolder,
): PlaceOfStore {
  if (storeUrl.toLowerCase() === 'none') return { text: 'none', exists: false };
  if (!storeUrl.startsWith('embedded:')) return { text: maskCredentials(storeUrl), exists: true };
  const path =
    config.storeUrl === undefined
      ? join(folder.path, 'store')
      : config.storeUrl.replace(/^embedded:/, '');
  const file = join(path, 'events.db');
  const question = 'select type, count(*) from events group by type';
  return {
    text: `SQLite, in ${file}`,
    exists: true,
    look: `sqlite3 -readonly ${file} '${question}'`,
  };
}

/** With which other commands find the same queue and store. */
function variablesFor(config: QuickstartConfig, folder: DataFolder): string {
  const queue = join(folder.path, 'queue');
  const store = join(folder.path, 'store');
  const { queueUrl, redisHost, storeUrl } = config;
  return [
    ...(queueUrl === undefined && redisHost === undefined ? [`QUEUE_URL=embedded:${queue}`] : []),
    ...(storeUrl === undefined ? [`STORE_URL=embedded:${store}`] : []),
  ].join(' ');
}
