import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { parseEventLine } from './ndjson-line';

const file = join(__dirname, '../../../examples/events.ndjson');
const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
const defaults = { clock: systemClock, random: systemRandom };

it.each(lines)('the example line %s is an event', (line) => {
  expect(parseEventLine(line, defaults)).toMatchObject({ event: { type: expect.any(String) } });
});
