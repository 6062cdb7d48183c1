import { parseTraceparent, printTraceparent } from './traceparent';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('a traceparent', () => {
  it.each([
    ['01', true],
    ['00', false],
    ['03', true],
    ['fe', false],
  ])('with the flags %s is sampled: %s', (flags, isSampled) => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-${flags}`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      isSampled,
    });
  });

  it('of a later version may be longer', () => {
    const text = `01-${TRACE}-${SPAN}-01-what-comes-later`;
    expect(parseTraceparent(text)).toMatchObject({ traceId: TRACE, spanId: SPAN });
  });

  it.each([
    ['', 'nothing'],
    [`00-${TRACE}-${SPAN}-01-more`, 'more than version 00 has'],
    [`00-${TRACE}-${SPAN}-01 `, 'a blank'],
    [`00-${TRACE}-${SPAN}-01\n`, 'a line end'],
    [`01-${TRACE}-${SPAN}-011`, 'flags that are too long'],
    [`ff-${TRACE}-${SPAN}-01`, 'the version that is none'],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`, 'upper case'],
    [`00-${'0'.repeat(32)}-${SPAN}-01`, 'no trace'],
    [`00-${TRACE}-${'0'.repeat(16)}-01`, 'no span'],
    [`00-${TRACE.slice(1)}-${SPAN}-01`, 'a trace that is too short'],
    ['x'.repeat(1_048_576), 'a megabyte'],
  ])('is not read from %j: %s', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  it('is printed as it is read', () => {
    const text = `00-${TRACE}-${SPAN}-01`;
    const name = parseTraceparent(text);
    expect(name && printTraceparent(name)).toBe(text);
    expect(name && printTraceparent({ ...name, isSampled: false })).toBe(`00-${TRACE}-${SPAN}-00`);
  });
});
