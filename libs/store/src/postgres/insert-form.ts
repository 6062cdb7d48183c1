/** Statements after a row that was there already, before the cheap form is tried again. */
const CAREFUL_STATEMENTS = 64;

/**
 * Which form of the insert is tried. The cheap one fails as a whole where one of its rows is in the
 * table, and the server logs that; it costs the server a fifth less. A worker's batches hold such
 * rows after an outage or the crash of a worker, and hardly ever otherwise: so after one, the careful
 * form takes over for a while.
 */
export class InsertForm {
  private carefulLeft = 0;

  /** Asks for one statement. */
  next(): 'cheap' | 'careful' {
    if (this.carefulLeft === 0) return 'cheap';
    this.carefulLeft -= 1;
    return 'careful';
  }

  metRow(): void {
    this.carefulLeft = CAREFUL_STATEMENTS;
  }
}
