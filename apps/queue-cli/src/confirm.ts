import { createInterface } from 'node:readline/promises';
import type { OutputStream } from './output';

/** Asks a person on the terminal; anything but "y" or "yes" is a no, and so is Ctrl-C. */
export async function confirm(
  question: string,
  input: NodeJS.ReadableStream,
  output: OutputStream,
  signal: AbortSignal,
): Promise<boolean> {
  // Not as a terminal: it would take Ctrl-C for itself.
  const dialog = createInterface({ input, output, terminal: false });
  try {
    const answer = await Promise.race([
      dialog.question(question, { signal }),
      // The end of the input is no answer.
      new Promise<string>((resolve) => dialog.once('close', () => resolve(''))),
    ]);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    dialog.close();
  }
}
