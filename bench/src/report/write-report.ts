import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResults } from '../compare-results';
import type { ScenarioResult } from '../result';
import { markdownOf } from './markdown-report';
import { svgChart } from './svg-chart';

/** Writes one result beside those that the folder has, and the table of all of them anew. */
export function writeReport(result: ScenarioResult, folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${result.name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, `${result.name}.svg`), svgChart(result));
  writeFileSync(join(folder, 'README.md'), markdownOf(readResults(folder)));
}
