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
    ['without rejections', { isWhole: true, accepted: 3, rejections: [] }],
    [
      'with rejections',
      {
        isWhole: false,
        accepted: 997,
        rejections: [rejection(2, TYPE), rejection(3, TIMESTAMP), rejection(999, TYPE)],
      },
    ],
    ['of nothing', { isWhole: true, accepted: 0, rejections: [] }],
  ])('%s is repeated as it was', (_, answer) => {
    expect(decodeAnswer(encodeAnswer(answer), answer.rejections)).toEqual(answer);
  });

  it('keeps a rejection that would not be one by now', () => {
    const text = encodeAnswer({
      isWhole: true,
      accepted: 1,
      rejections: [rejection(4, TIMESTAMP)],
    });
    expect(decodeAnswer(text, [])).toMatchObject({
      accepted: 1,
      rejections: [{ index: 4, code: TIMESTAMP }],
    });
  });

  it.each([1, 2, 7])(
    'fits what the queue keeps, with every %i. event of the largest request refused',
    (n) => {
      const rejections = Array.from({ length: 20_000 / n }, (_, i) => rejection(i * n, TYPE));
      const answer = encodeAnswer({ isWhole: false, accepted: 0, rejections });
      expect(answer.length).toBeLessThan(65_536);
    },
  );
});
