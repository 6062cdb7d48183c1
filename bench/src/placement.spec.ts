import { coreOf } from './placement';

describe('the placement of processes', () => {
  it.each([2, 3, 4, 16])('keeps what is measured apart from what loads it on %d cores', (cores) => {
    for (const measured of ['server', 'worker'] as const) {
      expect(coreOf(measured, cores)).not.toBe(coreOf('load', cores));
      expect(coreOf(measured, cores)).not.toBe(coreOf('engine', cores));
      expect(coreOf(measured, cores)).toBeLessThan(cores);
    }
  });

  it('pins nothing on a single core', () => {
    expect(coreOf('server', 1)).toBeUndefined();
  });
});
