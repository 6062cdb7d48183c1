import { SingleBar } from 'cli-progress';
import { grouped } from './report';

/** Where the person is told what happens. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Lines, and a bar below them while one is shown. */
export class Display {
  readonly #terminal: NodeJS.WriteStream;
  #bar: SingleBar | undefined;

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
  }

  /** Writes text above the bar. */
  say(text: string): void {
    this.#terminal.write(this.#bar === undefined ? `${text}\n` : `\r\x1b[K${text}\n`);
  }

  /** Shows how far something is; on a terminal only. */
  showProgress(total: number, done: number, what: string): void {
    if (!this.#terminal.isTTY) return;
    if (this.#bar === undefined) {
      this.#bar = new SingleBar({
        stream: this.#terminal,
        barsize: 30,
        format: '  [{bar}] {percentage}% | {done} {what}',
      });
      this.#bar.start(total, done, { done: grouped(done), what });
    }
    this.#bar.update(done, { done: grouped(done), what });
  }

  endProgress(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
