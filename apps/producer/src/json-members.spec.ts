import fc from 'fast-check';
import { membersOf } from './json-members';

describe('the members of a JSON text', () => {
  const textsOf = (json: string) =>
    membersOf(json).map(({ name, start, end }) => [name, json.slice(start, end)]);

  it.each([
    ['{}', []],
    [' { } ', []],
    ['{"a":1}', [['a', '1']]],
    [
      '{"a" : 1 ,"b":\t-1.50e+3\n}',
      [
        ['a', '1'],
        ['b', '-1.50e+3'],
      ],
    ],
    [
      '{"a":true,"a":null}',
      [
        ['a', 'true'],
        ['a', 'null'],
      ],
    ],
    [
      '{"a":{"b":[1,{"c":"}]"}]},"d":[]}',
      [
        ['a', '{"b":[1,{"c":"}]"}]}'],
        ['d', '[]'],
      ],
    ],
    [
      String.raw`{"a\"\\":"x\\\"y","\u0062":2}`,
      [
        ['a"\\', String.raw`"x\\\"y"`],
        ['b', '2'],
      ],
    ],
  ])('are found in %s', (json, members) => expect(textsOf(json)).toEqual(members));

  it('are what JSON.parse finds, for any object however it is printed', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })),
        fc.constantFrom(undefined, 1, '\t'),
        (object, space) => {
          const json = JSON.stringify(object, undefined, space);
          const found = membersOf(json).map(({ name, start, end }) => [
            name,
            JSON.parse(json.slice(start, end)) as unknown,
          ]);
          expect(found).toEqual(Object.entries(JSON.parse(json) as object));
        },
      ),
    );
  });

  it('are found in a deeply nested text without recursion', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(textsOf(`{"a":${deep},"b":1}`)).toEqual([
      ['a', deep],
      ['b', '1'],
    ]);
  });
});
