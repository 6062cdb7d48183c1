import { SoakState } from './soak-state';

describe('the verdict of a soak', () => {
  it('is that it held, or that it was interrupted, where nothing was found', () => {
    expect(new SoakState().verdict(false)).toBe('held');
    expect(new SoakState().verdict(true)).toBe('interrupted');
  });

  it('is broken once anything was found, interrupted or not', () => {
    const lost = new SoakState();
    lost.violations.push({ invariant: 'no-loss', count: 1, examples: ['a'] });
    const surprised = new SoakState();
    surprised.surprises.push('worker 0 ended by itself (1)');
    for (const state of [lost, surprised]) {
      expect(state.verdict(true)).toBe('broken');
      expect(state.verdict(false)).toBe('broken');
    }
  });
});
