import { RejectionCode } from '@event-pipeline/contracts';
import { decodeAnswer, encodeAnswer } from './batch-answer';

const rejection = (index: number, code: RejectionCode) => ({
  index,
  eventId: `id-${index}`,
  code,
  message: `message ${index}`,
});
const { REJECTION_CODE_INVALID_TYPE: TYPE, REJECTION_CODE_INVALID_TIMESTAMP: TIMESTAMP } =
  RejectionCode;

describe('the answer to a batch', () => {
  it.each([
    ['without rejections', { accepted: 3, rejections: [] }],
    [
      'with rejections',
      { accepted: 1, rejections: [rejection(0, TYPE), rejection(999, TIMESTAMP)] },
    ],
    ['of nothing', { accepted: 0, rejections: [] }],
  ])('%s is repeated as it was', (_, answer) => {
    expect(decodeAnswer(encodeAnswer(answer), answer.rejections)).toEqual(answer);
  });

  it('keeps a rejection that would not be one by now', () => {
    const text = encodeAnswer({ accepted: 1, rejections: [rejection(4, TIMESTAMP)] });
    expect(decodeAnswer(text, [])).toMatchObject({
      accepted: 1,
      rejections: [{ index: 4, code: TIMESTAMP }],
    });
  });

  it('fits what the queue keeps, with every event of a batch refused', () => {
    const rejections = Array.from({ length: 1_000 }, (_, i) => rejection(99_000 + i, TYPE));
    expect(encodeAnswer({ accepted: 0, rejections }).length).toBeLessThan(65_536);
  });
});
