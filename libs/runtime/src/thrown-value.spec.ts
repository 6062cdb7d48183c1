import fc from 'fast-check';
import { PipelineError } from './pipeline-error';
import { STRANGE_FORMS } from './testing';
import { firstOf, isInstance, messageOf, propertyOf } from './thrown-value';

describe('a look at what was thrown', () => {
  it('throws nothing itself, whatever it was', () => {
    const form = fc.constantFrom(...STRANGE_FORMS);
    fc.assert(
      fc.property(form, form, fc.anything(), (outer, inner, value) => {
        const thrown = outer(inner(value));
        expect(typeof messageOf(thrown)).toBe('string');
        expect(typeof isInstance(thrown, Error)).toBe('boolean');
        expect(typeof PipelineError.from(thrown).message).toBe('string');
        for (const name of ['name', 'message', 'cause', 'errors']) {
          firstOf(propertyOf(thrown, name));
        }
        firstOf(thrown);
      }),
      { numRuns: 500 },
    );
  });

  it('finds what is there', () => {
    const error = new TypeError('no', { cause: [1, 2] });
    expect(messageOf(error)).toBe('no');
    expect(messageOf(7)).toBe('7');
    expect(isInstance(error, TypeError)).toBe(true);
    expect(isInstance(error, RangeError)).toBe(false);
    expect(firstOf(propertyOf(error, 'cause'))).toBe(1);
    expect(propertyOf('text', 'length')).toBeUndefined();
  });
});
