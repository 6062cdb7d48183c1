import { drawPicture, type Line } from './line-charts';

const draw = (lines: readonly Line[], unit = 'cps') =>
  drawPicture({
    title: 'A picture',
    seconds: 10,
    mark: { from: 4, to: 6, title: 'outage' },
    charts: [{ title: 'Events', unit, lines }],
  });

describe('a picture of charts', () => {
  it('breaks a line where nothing was known', () => {
    const points = [0, 1, 2, 6, 7].map((at) => [at, 5] as const);
    const [, path = ''] =
      /<path d="([^"]*)" stroke="#3366cc" stroke-width="1.5"/.exec(
        draw([{ legend: 'a', points }]),
      ) ?? [];
    expect(path.match(/M/g)).toHaveLength(2);
    expect(path.match(/L/g)).toHaveLength(3);
  });

  it('leaves out what is not a number, and lines that are always 0', () => {
    const svg = draw([
      {
        legend: 'shown',
        points: [
          [0, NaN],
          [1, 3],
          [2, NaN],
        ],
      },
      {
        legend: 'hidden',
        points: [
          [0, 0],
          [1, 0],
        ],
      },
    ]);
    expect(svg).not.toContain('NaN');
    expect(svg).toContain('>shown<');
    expect(svg).not.toContain('>hidden<');
    expect(draw([])).toContain('always 0');
  });

  it('has a scale that holds the largest value, in its unit', () => {
    const upTo = (most: number, unit: string) => draw([{ legend: 'a', points: [[0, most]] }], unit);
    expect(upTo(730, 'cps')).toContain('>1000/s<');
    expect(upTo(0.012, 's')).toContain('>20 ms<');
    expect(upTo(15_000, 'short')).toContain('>20,000<');
  });

  it('escapes what labels say', () => {
    expect(draw([{ legend: '<b>&', points: [[0, 1]] }])).toContain('&lt;b&gt;&amp;');
  });
});
