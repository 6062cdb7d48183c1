import { Metadata } from '@grpc/grpc-js';
import { bearerTokenOf } from './bearer-token';

function tokenOf(...values: readonly string[]) {
  const metadata = new Metadata();
  for (const value of values) metadata.add('Authorization', value);
  return bearerTokenOf(metadata);
}

describe('the token of a call', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   a.b-c_d~e+f/g==', 'a.b-c_d~e+f/g=='],
    [`Bearer ${'a'.repeat(8_000)}`, 'a'.repeat(8_000)],
  ])('stands behind the word Bearer: %j', (value, token) => {
    expect(tokenOf(value)).toEqual({ token });
  });

  it('is none where there is no such metadata', () => {
    expect(tokenOf()).toBeUndefined();
  });

  it.each([
    [['Bearer']],
    [['Bearer ']],
    [['abc']],
    [['Basic abc']],
    [['Bearer a b']],
    [['Bearer a,b']],
    [['Bearerabc']],
    [[`Bearer ${'a'.repeat(9_000)}`]],
    [['Bearer a', 'Bearer b']],
    [['Bearer a', 'Bearer a']],
  ])('cannot be read from %j', (values) => {
    expect(tokenOf(...values)).toBe('malformed');
  });
});
