import { parsePrincipals } from './principals-file';

const HEX = 'ab'.repeat(32);
const one = (more: object) =>
  JSON.stringify({ principals: [{ name: 'a', eventTypes: ['*'], ...more }] });

function problemsOf(text: string): readonly string[] {
  try {
    parsePrincipals(text, '/etc/principals.json');
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    expect(code).toBe('CONFIG_INVALID');
    return message.split('\n');
  }
  throw new Error('it was taken');
}

describe('a file of principals', () => {
  it('says who there is, by what they are known, and what they may do', () => {
    const given = {
      name: 'shop-1.eu_west',
      tokens: [
        { sha256: HEX.toUpperCase(), expiresAt: '2027-01-31T00:00:00Z' },
        { sha256: '0'.repeat(64) },
      ],
      jwtSubjects: ['shop@example.org'],
      certificates: ['CN=shop', 'URI=spiffe://example.org/shop'],
      eventTypes: ['page_view', 'order.*'],
      quota: { eventsPerSecond: 1_000, bytesPerSecond: 0.5 },
    };
    expect(parsePrincipals(JSON.stringify({ principals: [given] }), 'x')).toEqual([
      {
        ...given,
        tokens: [{ sha256: HEX, expiresAt: Date.UTC(2027, 0, 31) }, { sha256: '0'.repeat(64) }],
      },
    ]);
  });

  it('may be empty: then nobody may send', () => {
    expect(parsePrincipals('{"principals":[]}', 'x')).toEqual([]);
  });

  it.each([
    ['', 'is not JSON'],
    ['[]', 'Invalid input: expected object, received array'],
    ['{"principals":{}}', 'principals: expected a list'],
    ['{"principals":[],"tokens":[]}', 'has a member that is not known'],
    [one({ name: 'a b' }), 'principals[0].name: expected 1 to 64 letters, digits, "_", "." or "-"'],
    [
      one({ eventTypes: [] }),
      'principals[0].eventTypes: expected a type at least; ["*"] allows all',
    ],
    [
      one({ eventTypes: ['a*b'] }),
      'principals[0].eventTypes[0]: expected a type of events, the beginning of one with "*" behind it, or "*"',
    ],
    [
      one({ tokens: [{ sha256: 'my-secret' }] }),
      'principals[0].tokens[0].sha256: expected the SHA-256 of a token, 64 hexadecimal digits',
    ],
    [
      one({ tokens: [{ sha256: HEX, expiresAt: 'tomorrow' }] }),
      'principals[0].tokens[0].expiresAt: expected a time, like 2027-01-31T00:00:00Z',
    ],
    [one({ certificates: ['shop'] }), 'principals[0].certificates[0]: expected CN=… or URI=…'],
    [
      one({ quota: { eventsPerSecond: 0 } }),
      'principals[0].quota.eventsPerSecond: expected a number above 0',
    ],
    [one({ 'my-secret': 1 }), 'principals[0]: has a member that is not known'],
    [
      one({ jwtSubjects: ['s', 's'] }),
      'principals[0].jwtSubjects[1]: the same subject as principals[0].jwtSubjects[0]',
    ],
  ])('is refused where it is wrong, with the place and never the value: %s', (text, problem) => {
    const problems = problemsOf(text);
    expect(problems).toContain(`/etc/principals.json: ${problem}`);
    expect(problems.join('\n')).not.toContain('my-secret');
  });

  it('names every problem at once, up to twenty', () => {
    expect(
      problemsOf(one({ name: '', eventTypes: ['!'], quota: { eventsPerSecond: -1 } })),
    ).toHaveLength(3);
    const many = Array.from({ length: 30 }, (_, i) => ({ name: `n${i}` }));
    const problems = problemsOf(JSON.stringify({ principals: many }));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('/etc/principals.json: 10 more problems');
  });

  it('does not let one token stand for two', () => {
    const principals = ['a', 'b'].map((name) => ({
      name,
      tokens: [{ sha256: HEX }],
      eventTypes: ['*'],
    }));
    expect(problemsOf(JSON.stringify({ principals }))).toEqual([
      '/etc/principals.json: principals[1].tokens[0]: the same token as principals[0].tokens[0]',
    ]);
  });
});
