import type { EntryReader, StoredTable } from './cell-entry.ts';
import { compareCells } from './run-format.ts';

/** Stored cells in the order of runs, a block at a time. */
export type EntryBlocks = AsyncIterator<EntryReader, void>;

/**
 * Merges sources, oldest first, into one sequence in the order of runs; of cells with the same (table, key, sub) the newest source's is taken. A removed
 * cell is taken as such if `keepRemoved`, which anything but a merge into the oldest data needs. `take` may answer with a promise to be waited for.
 * Memory is one block of each source.
 */
export async function mergeEntries(
  sources: readonly EntryBlocks[],
  keepRemoved: boolean,
  take: (entries: EntryReader) => Promise<void> | undefined,
): Promise<void> {
  const names = new Map<string, string>();
  const all = sources.map((source) => new Head(source, names));
  const loaded = await Promise.all(all.map((head) => head.load()));
  const heads = all.filter((_, i) => loaded[i]);
  while (heads.length > 0) {
    let least = heads[heads.length - 1]!;
    let repeated = false;
    for (let i = heads.length - 2; i >= 0; i--) {
      const order = heads[i]!.compare(least);
      if (order > 0) continue;
      if (order === 0) repeated = true;
      else {
        least = heads[i]!;
        repeated = false;
      }
    }
    if (repeated) await passRepeats(heads, least);
    if (keepRemoved || !least.entries.removed) {
      const wait = take(least.entries);
      if (wait !== undefined) await wait;
    }
    if (!least.next() && !(await least.load())) heads.splice(heads.indexOf(least), 1);
  }
}

/** Goes past the same cell in older sources. */
async function passRepeats(heads: Head[], least: Head): Promise<void> {
  for (let i = heads.indexOf(least) - 1; i >= 0; i--) {
    const head = heads[i]!;
    if (head.compare(least) === 0 && !head.next() && !(await head.load())) heads.splice(i, 1);
  }
}

/** The cell at which one source stands. */
class Head {
  entries!: EntryReader;
  table = '';
  readonly #source: EntryBlocks;
  readonly #names: Map<string, string>;
  #tables: readonly StoredTable[] | undefined;
  #tableNames: string[] = [];

  /** Names are taken from `names`, so that equal ones are one string and compare at once. */
  constructor(source: EntryBlocks, names: Map<string, string>) {
    this.#source = source;
    this.#names = names;
  }

  /** Goes to the next cell of the block; false if there is none. */
  next(): boolean {
    if (!this.entries.next()) return false;
    this.table = this.#tableNames[this.entries.table]!;
    return true;
  }

  /** Goes to the first cell of the next block that has any; false at the end. */
  async load(): Promise<boolean> {
    for (;;) {
      const result = await this.#source.next();
      if (result.done === true) return false;
      this.entries = result.value;
      if (this.entries.tables !== this.#tables) this.#learn(this.entries.tables);
      if (this.next()) return true;
    }
  }

  compare(other: Head): number {
    const a = this.entries;
    const b = other.entries;
    return compareCells(this.table, a.key, a.sub, other.table, b.key, b.sub);
  }

  #learn(tables: readonly StoredTable[]): void {
    this.#tables = tables;
    this.#tableNames = tables.map(({ name }) => {
      const known = this.#names.get(name);
      if (known === undefined) this.#names.set(name, name);
      return known ?? name;
    });
  }
}
