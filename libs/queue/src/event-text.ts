/**
 * Whether a text may be an event in a queue: it begins with "{", as every JSON object does. No more is
 * asked, so that it costs nothing; by it engines tell events from marks of their own.
 */
export function isEventText(text: string): boolean {
  return text.charCodeAt(0) === 0x7b;
}
