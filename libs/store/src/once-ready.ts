/**
 * Something that has to succeed once before other things: callers that come at the same time share
 * an attempt, after a success nobody waits again, after a failure the next caller tries anew.
 */
export class OnceReady {
  private attempt: Promise<void> | undefined;

  constructor(private readonly prepare: () => Promise<void>) {}

  whenReady(): Promise<void> {
    this.attempt ??= this.prepare().catch((error: unknown) => {
      this.attempt = undefined;
      throw error;
    });
    return this.attempt;
  }
}
