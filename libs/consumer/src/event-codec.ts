/** How the consumer reads a body. Programs hand it in; the consumer knows no event format. */
export interface EventCodec<E> {
  /** Throws for a body that is no event: it becomes a dead letter with reason `undecodable`. */
  decode(body: string): E;
  /** Decides which handler gets the event. */
  typeOf(event: E): string;
  /** Names the event in log lines. */
  idOf(event: E): string;
}
