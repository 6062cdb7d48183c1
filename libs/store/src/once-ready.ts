/**
 * Something that has to succeed once before other things: callers that come at the same time share
 * an attempt, after a success nobody waits again, after a failure the next caller tries anew.
 */
export class OnceReady {
  private attempt: Promise<void> | undefined;
  private isReady = false;

  constructor(private readonly prepare: () => Promise<void>) {}

  whenReady(): Promise<void> {
    this.attempt ??= this.prepare().then(
      () => {
        this.isReady = true;
      },
      (error: unknown) => {
        this.attempt = undefined;
        throw error;
      },
    );
    return this.attempt;
  }

  /** What was made is there no more: the next caller makes it again. An attempt under way stays. */
  forget(): void {
    if (!this.isReady) return;
    this.isReady = false;
    this.attempt = undefined;
  }
}
