import { httpUrlOf, metricSum, type Program } from './program';

/**
 * A program that is started again after it was killed, as its supervisor would, and that tells when
 * it ended though nobody told it to.
 */
export class Service {
  /** What it said when it ended by itself, once for each time. */
  readonly surprises: string[] = [];
  private current: Program | undefined;
  private ending = false;
  /** Of a program that ended by itself; never rejects. */
  private relaunch: Promise<void> = Promise.resolve();

  constructor(
    readonly name: string,
    private readonly launch: () => Promise<Program>,
    /** Start it again at once where it ends by itself. */
    private readonly supervised = false,
  ) {}

  get program(): Program {
    if (this.current === undefined) throw new Error(`${this.name} has not been started`);
    return this.current;
  }

  /** Resolves when it takes work. */
  async start(): Promise<void> {
    this.ending = false;
    const program = await this.launch();
    this.current = program;
    void program.exited.then(({ code, signal }) => {
      if (this.ending || this.current !== program) return;
      const lines = program.output.slice(-5).join('\n');
      this.surprises.push(`${this.name} ended by itself (${code ?? signal}):\n${lines}`);
      if (!this.supervised) return;
      this.relaunch = this.start().catch((error) => void this.surprises.push(String(error)));
    });
  }

  async kill9(): Promise<void> {
    await this.untilOneRuns();
    await this.program.kill9();
  }

  /** As an operator does. */
  async stop(): Promise<void> {
    await this.untilOneRuns();
    await this.program.stop();
  }

  /**
   * Whoever ends the program and starts it again must not miss one that is just being launched in place
   * of one that crashed: two would run from then on.
   */
  private async untilOneRuns(): Promise<void> {
    this.ending = true;
    await this.relaunch;
  }

  /** It stands still and keeps its connections (SIGSTOP). */
  pause(): void {
    this.program.signal('SIGSTOP');
  }

  /** It goes on where it stood (SIGCONT). */
  resume(): void {
    this.program.signal('SIGCONT');
  }

  /** A metric of the program that runs, added up over its labels. */
  async metric(name: string): Promise<number> {
    return metricSum(await httpUrlOf(this.program), name);
  }

  /** Whether the program that runs says that it is ready; else why not. */
  async notReadyFor(): Promise<string | undefined> {
    const response = await fetch(`${await httpUrlOf(this.program)}/readyz`);
    return response.ok ? undefined : await response.text();
  }
}
