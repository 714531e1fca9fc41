import type { KeyId } from '../../model/index.ts';

interface Entry {
  /** Undefined: there was none. */
  readonly value: unknown;
  readonly until: number;
}

/** What was found under keys, for a while and for as many keys as there is room for: the one not asked for the longest goes first. */
export class LookupCache {
  readonly #ttl: number;
  readonly #maxEntries: number;
  /** In the order in which they were asked for last. */
  readonly #entries = new Map<KeyId, Entry>();

  constructor(ttl: number, maxEntries: number) {
    this.#ttl = ttl;
    this.#maxEntries = maxEntries;
  }

  /** What is known of a key at this time; undefined if nothing is. */
  find(key: KeyId, now: number): { readonly value: unknown } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.until <= now) return undefined;
    this.#entries.set(key, entry);
    return entry;
  }

  /** Remembers what was found now; returns how many others had to go. */
  keep(key: KeyId, value: unknown, now: number): number {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: now + this.#ttl });
    if (this.#entries.size <= this.#maxEntries) return 0;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
    return 1;
  }

  get size(): number {
    return this.#entries.size;
  }

  clear(): void {
    this.#entries.clear();
  }
}
