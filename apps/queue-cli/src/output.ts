import type { TextTarget } from '@event-pipeline/command-line';

/** A standard stream of the process, or a test's. */
export interface OutputStream extends NodeJS.WritableStream, TextTarget {}

/** Writes and waits until it is written, so that nothing piles up in front of a slow reader. */
export class Output {
  private gone = false;

  constructor(private readonly stream: OutputStream) {
    // "| head" closes its end: no error of ours, and nothing further has to be written.
    stream.on('error', () => (this.gone = true));
  }

  /** Resolves to whether anybody still reads. */
  write(text: string): Promise<boolean> {
    if (this.gone) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.stream.write(text, (error) => {
        if (error) this.gone = true;
        resolve(!this.gone);
      });
    });
  }
}
