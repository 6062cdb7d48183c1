import { SingleBar } from 'cli-progress';
import { grouped } from './report';

/** Lines for the person at the terminal, and a bar below them while one is shown. */
export class Display {
  readonly #terminal: NodeJS.WriteStream;
  #bar: SingleBar | undefined;

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
    // Nobody reads any more ("npm start | head"): what it is about goes on.
    terminal.on('error', () => undefined);
  }

  /** Writes text, above the bar. */
  say(text: string): void {
    this.#terminal.write(this.#bar === undefined ? `${text}\n` : `\r\x1b[K${text}\n`);
  }

  /** Shows how far something is; on a terminal only. */
  showProgress(done: number, total: number, what: string): void {
    if (!this.#terminal.isTTY) return;
    const state = { count: grouped(done), what };
    if (this.#bar === undefined) {
      this.#bar = new SingleBar({
        stream: this.#terminal,
        barsize: 30,
        linewrap: true,
        format: '  [{bar}] {percentage}% | {count} {what}',
      });
      this.#bar.start(total, done, state);
    }
    this.#bar.update(done, state);
  }

  endProgress(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
