import { flag, integer, listenPort, oneOf, port, text, type FieldType } from './config-fields';

/** The value that the text stands for, or "refused". */
function read<T>(type: FieldType<T>, given: string): T | 'refused' {
  const parsed = type.schema.safeParse(given);
  return parsed.success ? parsed.data : 'refused';
}

describe('the form of a variable', () => {
  it.each([
    ['1', 1],
    ['0010', 10],
    ['100', 100],
    ['-5', -5],
    ['101', 'refused'],
    ['-6', 'refused'],
    ['1.5', 'refused'],
    ['1e2', 'refused'],
    ['0x10', 'refused'],
    ['1_0', 'refused'],
    ['+1', 'refused'],
    ['', 'refused'],
    ['ten', 'refused'],
    ['9'.repeat(400), 'refused'],
    ['Infinity', 'refused'],
    ['NaN', 'refused'],
  ])('integer reads %j as %j', (given, expected) => {
    expect(read(integer({ min: -5, max: 100 }), given)).toBe(expected);
  });

  it('integer refuses what a double cannot hold exactly', () => {
    const type = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    expect(read(type, '9007199254740991')).toBe(9007199254740991);
    expect(read(type, '9007199254740993')).toBe('refused');
  });

  it.each([
    ['0', 0],
    ['65535', 65_535],
    ['65536', 'refused'],
    ['-1', 'refused'],
    ['http', 'refused'],
  ])('port reads %j as %j', (given, expected) => {
    expect(read(port(), given)).toBe(expected);
  });

  it('listenPort prints the port alone', () => {
    expect(listenPort().print({ port: 9101, portIsDefault: true })).toBe('9101');
  });

  it.each([
    ['true', true],
    ['TRUE', true],
    ['1', true],
    ['yes', true],
    ['on', true],
    ['false', false],
    ['0', false],
    ['no', false],
    ['Off', false],
    ['2', 'refused'],
    ['constructor', 'refused'],
  ])('flag reads %j as %j', (given, expected) => {
    expect(read(flag(), given)).toBe(expected);
  });

  it('oneOf takes a word in any case and yields it as it is listed', () => {
    const type = oneOf(['Info', 'debug']);
    expect(read(type, 'INFO')).toBe('Info');
    expect(read(type, 'Debug')).toBe('debug');
    expect(read(type, 'inf')).toBe('refused');
  });

  it('text refuses control characters and what is too long', () => {
    expect(read(text({ maxLength: 3 }), 'äöü')).toBe('äöü');
    expect(read(text({ maxLength: 3 }), 'abcd')).toBe('refused');
    expect(read(text(), 'a\u0000')).toBe('refused');
    expect(read(text(), 'a\nb')).toBe('refused');
  });
});
