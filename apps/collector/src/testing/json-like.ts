import fc from 'fast-check';

const piece = fc.constantFrom(
  ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"b":', ' ', '\n', '0', '12', '-', '.5', 'e3'],
  ...['true', 'false', 'null', 'nul', '\\', '\\"', '\\n', '\\x', '\\u0041', '\\u0000'],
  ...['\\ud83d', '\\ude00', '\\ud83d\\ude00', '\u0001', 'é', '😀', '{"a":1}', '["x",2]'],
);
const soup = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
const inText = soup.map((text) => `{"k":["${text}",1]}`);
const valid = fc.json();
const damaged = fc.tuple(valid, fc.nat(), piece).map(([json, at, insert]) => {
  const cut = at % (json.length + 1);
  return json.slice(0, cut) + insert + json.slice(cut);
});

/** Texts that are JSON, nearly JSON, or made of its pieces. All of them have a UTF-8 form. */
export const jsonLike = fc
  .oneof(soup, inText, valid, damaged)
  .filter((text) => !/\p{Surrogate}/u.test(text));

/** Texts that are nearly JSON. */
export const NOT_JSON: readonly string[] = [
  '',
  ' ',
  '{',
  '[1',
  '"a',
  '"\\',
  '"\\u12',
  '"\t"',
  'undefined',
  'truex',
  'tru',
  "{'a':1}",
  '{"a":1,}',
  '[1,]',
  '[,1]',
  '{"a"}',
  '{"a" 1}',
  '{1:2}',
  '[1}',
  '{"a":1]',
  '1 2',
  '01',
  '1.',
  '.5',
  '-',
  '1e',
  '+1',
  'NaN',
  '1,"eventId":"x"',
  '1}{"a":2',
  '\u00a0{}',
  '\ufeff{}',
];
