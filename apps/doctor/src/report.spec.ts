import { fineFinding, problemFinding, warningFinding } from '@event-pipeline/runtime';
import { printedReport } from './report';

const grant = `ACL SETUSER pipeline ${'+xadd '.repeat(20)}~event_queue*`;
const text = printedReport([
  {
    title: 'Queue: redis://localhost:6379',
    findings: [
      fineFinding('version', '7.0.15'),
      warningFinding(
        'maxmemory',
        '0',
        'where the machine runs out of memory, it is killed. '.repeat(3),
      ),
      problemFinding(
        'permissions',
        'user pipeline lacks commands',
        'what the queue does is refused',
        grant,
        'start Redis, or name another one in QUEUE_URL (or REDIS_HOST and REDIS_PORT) instead',
      ),
    ],
  },
]);

describe('the report for a person', () => {
  const lines = text.split('\n');

  it('fits a terminal of 80 columns, but for a command, which stays in one line', () => {
    expect(lines.filter((line) => line.length > 80)).toEqual([`              ${grant}`]);
  });

  it('goes on below the text of a finding and of what to change', () => {
    expect(text).toMatch(
      /\n {2}warning maxmemory: 0 — where the machine .*\n {10}\S.*\n {10}\S.*\n {2}PROBLEM /,
    );
    expect(text).toMatch(/\n {14}start Redis, .*\n {14}REDIS_PORT\) instead\n/);
  });

  it('loses no word of it', () => {
    const words = text.replace(/\s+/g, ' ');
    expect(words.match(/where the machine runs out of memory, it is killed\./g)).toHaveLength(3);
  });
});
