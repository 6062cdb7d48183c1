import fc from 'fast-check';
import { parseQueueUrl, queueUrlProblem, shownQueueUrl } from './queue-location';

const SECRET = 'hunter2';
const noise = fc.string({ unit: fc.constantFrom(...'a1:@/?#[],%=&. ') });
const password = fc.tuple(noise, noise).map(([before, after]) => before + SECRET + after);
const scheme = fc.constantFrom(
  ...['redis', 'rediss', 'REDIS', 'redis+sentinel', 'rediss+sentinel', 'redis+cluster', 'http'],
);

function expectUnseen(url: string): void {
  expect(shownQueueUrl(url)).not.toContain(SECRET);
  expect(queueUrlProblem(url) ?? '').not.toContain(SECRET);
}

describe('the URL of a queue as messages show it', () => {
  it('never shows the password, whatever it is made of and whatever follows', () => {
    fc.assert(
      fc.property(scheme, noise, password, noise, (name, user, secret, rest) => {
        expectUnseen(`${name}://${user}:${secret}@${rest}`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never shows a password among the parameters', () => {
    const text = fc.tuple(noise, noise).map(([one, other]) => one + SECRET + other);
    fc.assert(
      fc.property(scheme, text, noise, (name, secret, more) => {
        fc.pre(!/[&]/.test(secret));
        expectUnseen(`${name}://host/m?sentinelPassword=${secret}&x=${more}`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads a password back that was written as a URL wants it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (secret) => {
        const url = `redis://user:${encodeURIComponent(secret)}@host:1`;
        expect(parseQueueUrl(url)).toMatchObject({
          credentials: { username: 'user', password: secret },
        });
      }),
    );
  });
});
