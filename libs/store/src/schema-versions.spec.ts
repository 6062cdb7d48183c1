import { missingSteps } from './schema-versions';

const STEPS = [['a'], ['b', 'c']];

describe('the versions of a schema', () => {
  it('lead from any older version to the newest', () => {
    expect(missingSteps(STEPS, 0)).toEqual([
      { version: 1, statements: ['a'] },
      { version: 2, statements: ['b', 'c'] },
    ]);
    expect(missingSteps(STEPS, 1)).toEqual([{ version: 2, statements: ['b', 'c'] }]);
    expect(missingSteps(STEPS, 2)).toEqual([]);
  });

  it('name in one line what to do where the store is newer than the program', () => {
    expect(() => missingSteps(STEPS, 3)).toThrow(
      /^the store has schema version 3, .* newer version/,
    );
  });
});
