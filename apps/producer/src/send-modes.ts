import { batchMode, unaryMode } from './batch-modes';
import type { SendMode } from './send-mode';
import { streamMode } from './stream-mode';

/** Every `--mode` there is. */
export const SEND_MODES = {
  batch: batchMode,
  stream: streamMode,
  unary: unaryMode,
} as const satisfies Record<string, SendMode>;

export type SendModeName = keyof typeof SEND_MODES;
