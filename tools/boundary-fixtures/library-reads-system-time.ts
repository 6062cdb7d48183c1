// place: libs/consumer/src
// refused by: no-restricted-properties restrictedObjectProperty
export const now = Date.now();
