import { batchMode } from './batch-sender';
import type { SendMode } from './send-mode';
import { streamMode } from './stream-sender';
import { unaryMode } from './unary-sender';

/** Every `--mode` there is. */
export const SEND_MODES = {
  batch: batchMode,
  stream: streamMode,
  unary: unaryMode,
} as const satisfies Record<string, SendMode>;

export type SendModeName = keyof typeof SEND_MODES;
