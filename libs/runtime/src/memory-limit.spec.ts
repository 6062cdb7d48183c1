import { memoryLimitOf } from './memory-limit';

it.each([
  [undefined, undefined],
  [0, undefined],
  [1_000, undefined],
  [2 ** 63, undefined],
  [999, 999],
])('the answer %p on a machine of 1,000 bytes is the limit %p', (answer, limit) => {
  expect(memoryLimitOf(answer, 1_000)).toBe(limit);
});
