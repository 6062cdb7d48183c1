import { aResult } from '../testing/a-result';
import { markdownOf } from './markdown-report';
import { svgChart } from './svg-chart';

const comparison = {
  ...{ name: 'to the bare server', goal: { atLeast: 0.9 }, isMet: false, isRatio: true },
  ...{ median: 0.812, lowest: 0.79, highest: 0.83, rounds: [0.79, 0.812, 0.83] },
};

describe('the report of a run', () => {
  it('shows each comparison with its spread, its goal and whether that is met', () => {
    const text = markdownOf([aResult({ comparisons: [comparison] })]);
    expect(text).toMatch(
      /\| \[stream-events\]\(#stream-events\) \| to the bare server \| 0\.812 \(0\.790 to 0\.830\) \| at least 0\.9 \| no +\|/,
    );
    expect(text).toContain('120,000 (100,000 to 130,000) events/s');
    expect(text).toContain('A & B, 2 cores, 8 GiB');
    expect(text).not.toContain('no figure here counts');
  });

  it('says where no figure counts, and what was left out', () => {
    const text = markdownOf([aResult({ scale: 0.01, skipped: ['nats: missing'] })]);
    expect(text).toContain('Run at a scale of 0.01: no figure here counts.');
    expect(text).toContain('- Left out: nats: missing.');
  });

  it('draws bars in proportion, with texts that cannot break the picture', () => {
    const svg = svgChart(aResult());
    expect(svg).toContain('this &lt;collector&gt;');
    // 120,000 of at most 130,000, over 350 pixels.
    expect(svg).toContain('width="323.1"');
  });

  it('draws the course over time where there is one', () => {
    const svg = svgChart(
      aResult({
        series: [
          {
            id: 'c',
            points: [
              [0, 0],
              [10, 100],
            ],
          },
        ],
      }),
    );
    expect(svg).toContain('points="70,310 690,73.6"');
  });
});
