/**
 * The partition of a key, from 0 to `count`, exclusive: the same for the same key and count, always
 * and everywhere. Keys spread evenly; where the count grows from n to m, only the share of keys that
 * the new partitions get moves, and none moves between old ones.
 *
 * Source: J. Lamping and E. Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (2014), with
 * a 32-bit generator (the finalizer of MurmurHash3 over a counter) over FNV-1a of the key's UTF-16
 * units in place of their 64-bit one.
 */
export function partitionOf(key: string, count: number): number {
  return count <= 1 ? 0 : partitionOfHash(keyHash(key), count);
}

/** The partition of the key with this hash: see {@link keyHash}. */
export function partitionOfHash(hash: number, count: number): number {
  if (count <= 1) return 0;
  let state = hash;
  let chosen = 0;
  let next = 0;
  while (next < count) {
    chosen = next;
    state = (state + 0x9e3779b9) | 0;
    const draw = (mix(state) + 1) / 0x1_0000_0000;
    next = Math.floor((chosen + 1) / draw);
  }
  return chosen;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over the key's UTF-16 units: all that {@link partitionOf} looks at. */
export function keyHash(key: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), FNV_PRIME);
  return hash;
}

/** The same of a key that is ASCII, from its bytes. */
export function keyHashOfAscii(bytes: Uint8Array, from: number, to: number): number {
  let hash = FNV_OFFSET;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), FNV_PRIME);
  return hash;
}

/** The same of a key of hexadecimal digits and dashes, with its letters in lower case. */
export function keyHashOfHex(bytes: Uint8Array, from: number, to: number): number {
  let hash = FNV_OFFSET;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ ((bytes[i] ?? 0) | 0x20), FNV_PRIME);
  return hash;
}

/** Every bit of the result depends on every bit of the input. Unsigned. */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
