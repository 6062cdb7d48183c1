/** Where a dead letter is: what people call its id, PARTITION/NUMBER. */
export interface LetterPlace {
  readonly partition: number;
  /** The id in the partition, in the form of the engine. */
  readonly id: string;
}

export const LETTER_ID_FORM = 'PARTITION/NUMBER, as dead list shows it';

/** Undefined for a text that is none. */
export function parseLetterId(text: string): LetterPlace | undefined {
  const [, partition, id] = /^(\d{1,6})\/(\d{1,19}(?:-\d{1,19})?)$/.exec(text) ?? [];
  return partition === undefined || id === undefined
    ? undefined
    : { partition: Number(partition), id };
}

export function formatLetterId({ partition, id }: LetterPlace): string {
  return `${partition}/${id}`;
}
