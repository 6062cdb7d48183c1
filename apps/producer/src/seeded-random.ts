import type { Random } from '@event-pipeline/runtime';

/** Rounds after which every bit of the seed has reached every bit of the state. */
const WARM_UP_ROUNDS = 20;

/** Chance that repeats: the same seed gives the same UUIDs in the same order (sfc32). */
export class SeededRandom implements Random {
  #a = 0x9e3779b9;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed a whole number from 0 to 2^53 - 1. */
  constructor(seed: number) {
    this.#b = seed >>> 0;
    this.#c = Math.floor(seed / 2 ** 32) >>> 0;
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1) this.#nextUint32();
  }

  next(): number {
    return this.#nextUint32() / 2 ** 32;
  }

  uuid(): string {
    const first = hex(this.#nextUint32());
    const second = hex(((this.#nextUint32() & 0xffff0fff) | 0x4000) >>> 0);
    const third = hex(((this.#nextUint32() & 0x3fffffff) | 0x80000000) >>> 0);
    const fourth = hex(this.#nextUint32());
    return `${first}-${second.slice(0, 4)}-${second.slice(4)}-${third.slice(0, 4)}-${third.slice(4)}${fourth}`;
  }

  #nextUint32(): number {
    const result = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result;
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
