import { Writable } from 'node:stream';
import { Output } from './output';

describe('an output', () => {
  it('waits until what it wrote is taken', async () => {
    let taken: (() => void) | undefined;
    const slow = new Writable({ write: (_chunk, _encoding, done) => (taken = done) });
    const written = new Output(slow).write('text');
    const first = await Promise.race([written, Promise.resolve('waits')]);
    expect(first).toBe('waits');
    taken?.();
    expect(await written).toBe(true);
  });

  it('says that nobody reads any more, and fails nobody', async () => {
    const closed = new Writable({
      write: (_chunk, _encoding, done) =>
        done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' })),
    });
    const output = new Output(closed);
    expect(await output.write('text')).toBe(false);
    expect(await output.write('more')).toBe(false);
  });
});
