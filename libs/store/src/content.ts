/**
 * Whether two texts under one id are the same event. The store does not know what a text means, so
 * whoever opens it says what counts.
 */
export type SameContent = (stored: string, given: string) => boolean;

export const identicalText: SameContent = (stored, given) => stored === given;
