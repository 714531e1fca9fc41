import type { KeyId } from '../model/index.ts';

/** No row. */
export const NONE = -1;

/** Slots at first; a power of two. */
const FEW = 16;
/** 2^32 divided by the golden ratio: spreads keys that follow one another (Knuth, volume 3, 6.4). */
const GOLDEN = 0x9e3779b1;

/**
 * The row of each key. Keys that are whole numbers of 32 bits stand in an open-addressed table of pairs (key, row + 1), so that looking one up touches one place in
 * memory; others in a map.
 */
export class KeyRows {
  readonly #others = new Map<KeyId, number>();
  #slots = new Int32Array(2 * FEW);
  #shift = 32 - Math.log2(FEW);
  #count = 0;

  /** The key's row, or NONE. */
  get(key: KeyId): number {
    if (typeof key !== 'number' || (key | 0) !== key) return this.#others.get(key) ?? NONE;
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let at = this.#slotOf(key); ; at = (at + 2) & last) {
      const row = slots[at + 1]!;
      if (row === 0) return NONE;
      if (slots[at] === key) return row - 1;
    }
  }

  set(key: KeyId, row: number): void {
    if (typeof key !== 'number' || (key | 0) !== key) {
      this.#others.set(key, row);
      return;
    }
    if (this.#count * 4 > this.#slots.length) this.#grow();
    if (this.#put(key, row)) this.#count++;
  }

  /** Takes out a key, which must be there. */
  delete(key: KeyId): void {
    if (typeof key !== 'number' || (key | 0) !== key) {
      this.#others.delete(key);
      return;
    }
    const slots = this.#slots;
    const last = slots.length - 1;
    let hole = this.#slotOf(key);
    while (slots[hole] !== key || slots[hole + 1] === 0) hole = (hole + 2) & last;
    // What stands behind the hole, up to the next free slot, moves into it unless it would then stand before its own slot.
    for (let at = (hole + 2) & last; slots[at + 1] !== 0; at = (at + 2) & last) {
      const wanted = this.#slotOf(slots[at]!);
      if (((at - wanted) & last) < ((at - hole) & last)) continue;
      slots[hole] = slots[at]!;
      slots[hole + 1] = slots[at + 1]!;
      hole = at;
    }
    slots[hole + 1] = 0;
    this.#count--;
  }

  *keys(): IterableIterator<KeyId> {
    for (let at = 0; at < this.#slots.length; at += 2) if (this.#slots[at + 1] !== 0) yield this.#slots[at]!;
    yield* this.#others.keys();
  }

  /** Gives the room back; there must be no keys. */
  shrink(): void {
    this.#slots = new Int32Array(2 * FEW);
    this.#shift = 32 - Math.log2(FEW);
  }

  #slotOf(key: number): number {
    return (Math.imul(key, GOLDEN) >>> this.#shift) << 1;
  }

  /** Whether the key is new. */
  #put(key: number, row: number): boolean {
    const slots = this.#slots;
    const last = slots.length - 1;
    let at = this.#slotOf(key);
    while (slots[at + 1] !== 0 && slots[at] !== key) at = (at + 2) & last;
    const isNew = slots[at + 1] === 0;
    slots[at] = key;
    slots[at + 1] = row + 1;
    return isNew;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    this.#shift--;
    for (let at = 0; at < before.length; at += 2) if (before[at + 1] !== 0) this.#put(before[at]!, before[at + 1]! - 1);
  }
}
