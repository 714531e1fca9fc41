import type { Random } from '../../ports/index.ts';

/**
 * Random numbers that one seed determines: sfc32 (Chris Doty-Humphrey's Small Fast Counting generator of 32 bits, from PractRand),
 * its state filled from the seed's text by FNV-1a and warmed up by fifteen rounds.
 */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number | string) {
    const text = String(seed);
    this.#a = fnv1a(`a${text}`);
    this.#b = fnv1a(`b${text}`);
    this.#c = fnv1a(`c${text}`);
    for (let i = 0; i < 15; i++) this.uint32();
  }

  next(): number {
    return this.uint32() / 2 ** 32;
  }

  /** Uniform among the integers from 0 up to, not including, `bound` (at most 2^32). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Another generator, determined by this one's state, that goes its own way. */
  fork(): SeededRandom {
    return new SeededRandom(`${this.uint32()}/${this.uint32()}`);
  }

  /** Uniform among the integers of 32 bits. */
  uint32(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}
