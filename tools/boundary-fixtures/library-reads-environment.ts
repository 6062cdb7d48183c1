// place: libs/consumer/src
// refused by: no-restricted-properties restrictedObjectProperty
export const home = process.env['HOME'];
