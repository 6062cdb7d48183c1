import fc from 'fast-check';
import { grpcMessage } from '@event-pipeline/runtime/testing';
import { MessageProgress } from './message-progress';
import { UnfinishedMessages } from './unfinished-messages';

describe('the progress of messages', () => {
  it('is the same wherever their bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(messages, cuts, fc.nat(200), (bodies, sizes, end) => {
        const whole = bodies.map((body) => grpcMessage(Buffer.from(body)));
        const bytes = Buffer.concat(whole);
        const sent = bytes.subarray(0, Math.min(end, bytes.length));
        const progress = new MessageProgress(0);
        for (let at = 0, cut = 0; at < sent.length; cut++) {
          const size = sizes[cut % sizes.length] ?? 1;
          progress.read(sent.subarray(at, at + size), 1);
          at += size;
        }
        let unfinished = sent.length;
        for (const { length } of whole)
          if (unfinished >= length) unfinished -= length;
          else break;
        expect(progress.unfinishedBytes).toBe(unfinished);
        expect(progress.isUnfinished).toBe(unfinished > 0);
      }),
    );
  });

  it('knows the largest length that was announced, and since when a message is under way', () => {
    const progress = new MessageProgress(0);
    progress.read(grpcMessage(Buffer.alloc(10)), 5);
    expect(progress).toMatchObject({ begun: true, largest: 10, since: 5 });
    progress.read(grpcMessage(Buffer.alloc(1), 4_000_000_000), 7);
    progress.read(Buffer.alloc(1), 9);
    expect(progress).toMatchObject({ largest: 4_000_000_000, since: 7, unfinishedBytes: 7 });
  });
});

describe('the bytes of unfinished messages', () => {
  it('are no more than their limit, and the message that began first goes first', () => {
    const cut: string[] = [];
    const unfinished = new UnfinishedMessages(100);
    const call = (name: string) => ({
      progress: new MessageProgress(0),
      cutForUnfinished: () => void cut.push(name),
    });
    const [slow, quick, last] = [call('slow'), call('quick'), call('last')];
    unfinished.read(slow, grpcMessage(Buffer.alloc(35), 1_000), 1);
    unfinished.read(quick, grpcMessage(Buffer.alloc(35), 1_000), 2);
    expect(unfinished.bytes).toBe(80);
    unfinished.read(last, grpcMessage(Buffer.alloc(35), 1_000), 3);
    expect(cut).toEqual(['slow']);
    expect(unfinished.bytes).toBe(80);
    unfinished.forget(slow);
    unfinished.forget(quick);
    unfinished.read(last, Buffer.alloc(965), 4);
    expect(unfinished.bytes).toBe(0);
    expect(cut).toEqual(['slow']);
  });
});
