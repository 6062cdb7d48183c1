import { firstOf, messageOf, propertyOf } from '@event-pipeline/runtime';

/** Longest error text that is sent to the queue, in characters (UTF-16 units). */
export const MAX_ERROR_LENGTH = 1_024;
/** What a cut through a pair leaves; no store takes it. */
const LONE_SURROGATE = /[\ud800-\udfff]/gu;
/** Causes named after the error itself. */
const MAX_CAUSES = 4;

/**
 * What was thrown, for people: name, message and code, then the same of its causes, cut to
 * {@link MAX_ERROR_LENGTH}. Never a stack trace. Total: whatever was thrown has a text.
 */
export function errorText(thrown: unknown): string {
  const parts = [oneText(thrown)];
  let cause = causeOf(thrown);
  for (let depth = 0; cause !== undefined && depth < MAX_CAUSES; depth++) {
    const text = oneText(cause);
    // Wrappers often repeat the message of what they wrap.
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    cause = causeOf(cause);
  }
  return parts.join('; caused by ').slice(0, MAX_ERROR_LENGTH).replace(LONE_SURROGATE, '\ufffd');
}

function oneText(thrown: unknown): string {
  const name = propertyOf(thrown, 'name');
  const code = propertyOf(thrown, 'code');
  const message = messageOf(thrown).slice(0, MAX_ERROR_LENGTH);
  const prefix = typeof name === 'string' && name !== '' && name !== 'Error' ? `${name}: ` : '';
  const hasCode = typeof code === 'string' && code !== '' && !message.includes(code);
  return `${prefix}${message}${hasCode ? ` (${code})` : ''}`;
}

/** An AggregateError has several; the first stands for all. */
function causeOf(thrown: unknown): unknown {
  return propertyOf(thrown, 'cause') ?? firstOf(propertyOf(thrown, 'errors'));
}
