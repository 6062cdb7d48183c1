import { readH2load } from './h2load';

const output = (done: string, codes = '200 2xx, 0 3xx, 0 4xx, 0 5xx', time = '850.50ms') =>
  `finished in ${time}, 235.16 req/s, 1.0MB/s\nrequests: ${done}\nstatus codes: ${codes}\n`;
const ALL = '200 total, 200 started, 200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout';

describe('what h2load prints', () => {
  it('tells how long the requests took, in whatever unit', () => {
    expect(readH2load(output(ALL), 200)).toEqual({ requests: 200, seconds: 0.8505 });
    expect(readH2load(output(ALL, undefined, '2.07s'), 200).seconds).toBeCloseTo(2.07);
    expect(readH2load(output(ALL, undefined, '5us'), 200).seconds).toBeCloseTo(5e-6);
    expect(readH2load(output(ALL, undefined, '1.50m'), 200).seconds).toBeCloseTo(90);
  });

  it('is refused where a request failed, is missing, or had another status', () => {
    const failed =
      '200 total, 200 started, 200 done, 199 succeeded, 1 failed, 1 errored, 0 timeout';
    expect(() => readH2load(output(failed), 200)).toThrow('1 failed');
    expect(() => readH2load(output(ALL), 201)).toThrow('of 201 requests');
    expect(() => readH2load(output(ALL, '199 2xx, 0 3xx, 1 4xx, 0 5xx'), 200)).toThrow('199 with');
    expect(() => readH2load('', 200)).toThrow('of 200 requests');
  });
});
