import type { Exit, Program } from './program';
import { Service } from './service';

/** As much of a program as a service knows of. */
class FakeProgram {
  readonly output: string[] = [];
  running = true;
  private end: (exit: Exit) => void = () => undefined;
  readonly exited = new Promise<Exit>((resolve) => (this.end = resolve));

  crash(): void {
    this.running = false;
    this.end({ code: 1, signal: null });
  }

  kill9(): Promise<void> {
    this.crash();
    return Promise.resolve();
  }
}

describe('a supervised service', () => {
  it('runs once, though it is killed and started while a crash has it launched again', async () => {
    const programs: FakeProgram[] = [];
    let open: () => void = () => undefined;
    let gate: Promise<void> = Promise.resolve();
    const launch = async () => {
      await gate;
      const program = new FakeProgram();
      programs.push(program);
      return program as unknown as Program;
    };
    const service = new Service('worker', launch, true);
    await service.start();
    gate = new Promise((resolve) => (open = resolve));
    programs[0]?.crash();
    // The supervisor has seen it, and its launch takes a while.
    await new Promise(setImmediate);
    const replaced = service.kill9().then(() => service.start());
    await new Promise(setImmediate);
    open();
    await replaced;
    await new Promise(setImmediate);
    expect(programs.filter(({ running }) => running)).toHaveLength(1);
    expect(service.program).toBe(programs.at(-1));
    expect(service.surprises).toHaveLength(1);
  });
});
