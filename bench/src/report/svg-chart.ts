import type { FigureResult, ScenarioResult } from '../result';
import { figureText } from './markdown-report';

const WIDTH = 720;
const LEFT = 250;
const BAR = 26;
const GAP = 18;
const PLOT = WIDTH - LEFT - 120;

/** A bar for each figure with its spread, or the course over time where the scenario has one. */
export function svgChart(result: ScenarioResult): string {
  const [series] = result.series;
  return series === undefined ? barChart(result) : lineChart(result, series.points);
}

/** Figures of different units have scales of their own. */
function barChart({ title, figures }: ScenarioResult): string {
  const most = (unit: string) =>
    figures.reduce(
      (max, figure) => (figure.unit === unit ? Math.max(max, figure.highest) : max),
      0,
    );
  const bars = figures.map((figure, row) => bar(figure, 50 + row * (BAR + GAP), most(figure.unit)));
  return svg(title, 60 + figures.length * (BAR + GAP), bars);
}

function bar(figure: FigureResult, y: number, most: number): string {
  const x = (value: number) => round(LEFT + (most > 0 ? (value / most) * PLOT : 0));
  const middle = y + BAR / 2;
  const { median, lowest, highest } = figure;
  return [
    text(LEFT - 10, middle + 5, figure.title, 'end'),
    `<rect x="${LEFT}" y="${y}" width="${round(x(median) - LEFT)}" height="${BAR}" fill="#4878a8"/>`,
    `<path d="M${x(lowest)} ${middle}H${x(highest)}M${x(lowest)} ${middle - 6}v12M${x(highest)} ${middle - 6}v12" stroke="#111" fill="none"/>`,
    text(x(highest) + 8, middle + 5, `${figureText(median, figure)} ${figure.unit}`, 'start'),
  ].join('\n');
}

function lineChart(
  { title, figures }: ScenarioResult,
  points: readonly (readonly [number, number])[],
): string {
  const height = 260;
  const [left, top, width] = [70, 50, WIDTH - 100];
  const most = points.reduce((max, [, value]) => Math.max(max, value), 0) * 1.1 || 1;
  const seconds = points.reduce((max, [at]) => Math.max(max, at), 0) || 1;
  const place = ([at, value]: readonly [number, number]) =>
    `${round(left + (at / seconds) * width)},${round(top + height - (value / most) * height)}`;
  const unit = figures[0]?.unit ?? '';
  return svg(title, top + height + 40, [
    `<path d="M${left} ${top}V${top + height}H${left + width}" stroke="#111" fill="none"/>`,
    text(left - 6, top + 10, `${Math.round(most)} ${unit}`, 'end'),
    text(left - 6, top + height, '0', 'end'),
    text(left + width, top + height + 20, `${Math.round(seconds)} s`, 'end'),
    `<polyline points="${points.map(place).join(' ')}" stroke="#4878a8" stroke-width="2" fill="none"/>`,
  ]);
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(20, 28, title, 'start', ' font-size="15"'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function text(x: number, y: number, words: string, anchor: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="#111"${more}>${escaped(words)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
