/** One line of a chart: time in seconds from the beginning, and value. */
export interface Line {
  readonly legend: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Chart {
  readonly title: string;
  /** Grafana's name of it. */
  readonly unit: string;
  readonly lines: readonly Line[];
}

/** A time that all charts mark. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  readonly title: string;
}

export interface Picture {
  readonly title: string;
  readonly seconds: number;
  readonly mark: Mark;
  readonly charts: readonly Chart[];
}

const ACROSS = 3;
const [CELL_WIDTH, CELL_HEIGHT] = [380, 240];
const PLOT = { left: 56, top: 30, width: 306, height: 130 } as const;
const LEGEND_LINES = 4;
const HEADER = 44;
const COLOURS = ['#3366cc', '#dc7a00', '#109618', '#990099', '#c02020', '#0e8a9a', '#7a6a00'];
/** Where two points lie further apart, nothing was known in between: the line is broken. */
const LONGEST_STEP_S = 1.5;

/** Draws charts over the same time side by side, as one SVG. */
export function drawPicture({ title, seconds, mark, charts }: Picture): string {
  const height = HEADER + Math.ceil(charts.length / ACROSS) * CELL_HEIGHT;
  const width = ACROSS * CELL_WIDTH;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(16, 27, title, 'start', ' font-size="16"'),
    ...charts.map((chart, at) => {
      const x = (at % ACROSS) * CELL_WIDTH;
      const y = HEADER + Math.floor(at / ACROSS) * CELL_HEIGHT;
      return `<g transform="translate(${x} ${y})">\n${drawChart(chart, seconds, mark)}\n</g>`;
    }),
    '</svg>',
    '',
  ].join('\n');
}

function drawChart({ title, unit, lines }: Chart, seconds: number, mark: Mark): string {
  const { left, top, width, height } = PLOT;
  const shown = lines.filter(({ points }) => points.some(([, value]) => value > 0)).slice(0, 7);
  const values = shown.flatMap(({ points }) => points.map(([, value]) => value));
  const most = roundedUp(
    values.filter(Number.isFinite).reduce((max, one) => Math.max(max, one), 0),
  );
  const x = (at: number) => round(left + (at / seconds) * width);
  const y = (value: number) => round(top + height - (value / most) * height);
  return [
    text(left, 18, title, 'start', ' font-size="13" font-weight="bold"'),
    `<rect x="${x(mark.from)}" y="${top}" width="${round(x(mark.to) - x(mark.from))}" height="${height}" fill="#f6d6d6"/>`,
    text(x((mark.from + mark.to) / 2), top + 11, mark.title, 'middle', ' fill="#a04040"'),
    `<path d="M${left} ${top}V${top + height}H${left + width}" stroke="#111" fill="none"/>`,
    text(left - 6, top + 8, quantity(most, unit), 'end'),
    text(left - 6, top + height, '0', 'end'),
    text(left, top + height + 13, '0 s', 'start'),
    text(left + width, top + height + 13, `${Math.round(seconds)} s`, 'end'),
    ...shown.map(
      ({ points }, at) =>
        `<path d="${pathOf(points, x, y)}" stroke="${colourOf(at)}" stroke-width="1.5" fill="none"/>`,
    ),
    ...shown.slice(0, 2 * LEGEND_LINES).map(({ legend }, at) => {
      const column = left - 40 + Math.floor(at / LEGEND_LINES) * 170;
      const line = top + height + 28 + (at % LEGEND_LINES) * 13;
      return `<path d="M${column} ${line - 4}h12" stroke="${colourOf(at)}" stroke-width="3"/>${text(column + 17, line, legend, 'start')}`;
    }),
    ...(shown.length > 0 ? [] : [text(left + 8, top + height - 8, 'always 0', 'start')]),
  ].join('\n');
}

function pathOf(
  points: Line['points'],
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  let path = '';
  let last = -Infinity;
  for (const [at, value] of points) {
    if (!Number.isFinite(value)) continue;
    path += `${at - last > LONGEST_STEP_S ? 'M' : 'L'}${x(at)} ${y(value)}`;
    last = at;
  }
  return path;
}

/** To one of 1, 2, 5 times a power of ten. */
function roundedUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

function quantity(value: number, unit: string): string {
  if (unit === 's') return value < 1 ? `${round(value * 1_000)} ms` : `${value} s`;
  if (unit === 'cps') return `${value}/s`;
  return value >= 1 ? value.toLocaleString('en') : String(round(value * 100) / 100);
}

function colourOf(at: number): string {
  return COLOURS[at % COLOURS.length] ?? '#111';
}

function text(x: number, y: number, words: string, anchor: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more}>${escaped(words)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
