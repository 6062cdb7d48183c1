/**
 * Arrays as PostgreSQL takes them in binary form (array_recv in arrayfuncs.c of its source): number of
 * dimensions, whether there are nulls, type of the elements; for the one dimension its size and its
 * lower bound; then each element behind its length. All numbers are of four bytes, big-endian.
 */

/** What PostgreSQL calls the types of the elements: pg_type.oid. */
const TYPES = { text: 25, json: 114, float8: 701, uuid: 2950 } as const;
const HEAD_BYTES = 20;
const LENGTH_BYTES = 4;
const UUID_BYTES = 16;
const FLOAT8_BYTES = 8;

/** @param ids UUIDs in lower case, with their hyphens */
export function uuidArray(ids: readonly string[]): Buffer {
  const array = newArray('uuid', ids.length, ids.length * UUID_BYTES);
  let end = HEAD_BYTES;
  for (const id of ids) {
    end = array.writeUInt32BE(UUID_BYTES, end);
    end += array.write(id.replaceAll('-', ''), end, UUID_BYTES, 'hex');
  }
  return array;
}

export function float8Array(numbers: readonly number[]): Buffer {
  const array = newArray('float8', numbers.length, numbers.length * FLOAT8_BYTES);
  let end = HEAD_BYTES;
  for (const number of numbers) {
    end = array.writeUInt32BE(FLOAT8_BYTES, end);
    end = array.writeDoubleBE(number, end);
  }
  return array;
}

/** In UTF-8, which every connection has as its encoding. */
export function textArray(type: 'text' | 'json', texts: readonly string[]): Buffer {
  let bytes = 0;
  for (const text of texts) bytes += Buffer.byteLength(text);
  const array = newArray(type, texts.length, bytes);
  let end = HEAD_BYTES;
  for (const text of texts) {
    const size = array.write(text, end + LENGTH_BYTES, 'utf8');
    array.writeUInt32BE(size, end);
    end += LENGTH_BYTES + size;
  }
  return array;
}

function newArray(type: keyof typeof TYPES, size: number, bytes: number): Buffer {
  const array = Buffer.allocUnsafe(HEAD_BYTES + size * LENGTH_BYTES + bytes);
  array.writeUInt32BE(1, 0);
  array.writeUInt32BE(0, 4);
  array.writeUInt32BE(TYPES[type], 8);
  array.writeUInt32BE(size, 12);
  array.writeUInt32BE(1, 16);
  return array;
}
