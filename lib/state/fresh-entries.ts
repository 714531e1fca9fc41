import { compareKeyIds, type KeyId } from '../model/index.ts';
import { ByteReader, ByteWriter } from '../protocol/index.ts';
import { compareSubIds, EntryReader, type StoredTable } from './cell-entry.ts';
import { openCells } from './delta-codec.ts';
import { copyRange } from './run-writer.ts';
import type { Sub } from './table.ts';

const BLOCK_BYTES = 256 * 1024;

/**
 * The cells of several deltas, each as the newest of them has it, without decoding values; given out in the order of runs. A cell is known by the number of
 * its place in parallel arrays; `#older` leads from a key's newest cell to its others.
 */
export class FreshEntries {
  /** Bytes of the cells that are left. */
  readonly bytes: number;
  readonly #tables: StoredTable[] = [];
  readonly #byName = new Map<string, Map<KeyId, number>>();
  readonly #sub: Sub[] = [];
  readonly #older: number[] = [];
  readonly #table: number[] = [];
  readonly #flags: number[] = [];
  readonly #delta: number[] = [];
  readonly #tail: number[] = [];
  readonly #end: number[] = [];
  readonly #deltas: readonly Uint8Array[];
  readonly #order: readonly number[];

  /** `deltas` are sections as `encodeCells` writes them, oldest first. */
  constructor(deltas: readonly Uint8Array[]) {
    this.#deltas = deltas;
    for (let i = 0; i < deltas.length; i++) {
      const reader = new ByteReader(deltas[i]!, 'state delta');
      const entries = openCells(reader);
      const places = entries.tables.map((table) => this.#placeOf(table));
      const keys = entries.tables.map(({ name }) => this.#keysOf(name));
      while (entries.next()) this.#put(keys[entries.table]!, places[entries.table]!, i, entries);
      if (reader.remaining > 0) throw reader.damaged(`${reader.remaining} bytes follow the cells`);
    }
    this.#order = this.#inOrder();
    let bytes = 0;
    for (const cell of this.#order) bytes += this.#end[cell]! - this.#tail[cell]! + 1;
    this.bytes = bytes;
  }

  /** All cells in order. */
  async *entries(): AsyncGenerator<EntryReader, void> {
    const writer = new ByteWriter(BLOCK_BYTES + 1024);
    let cells = 0;
    for (const cell of this.#order) {
      writer.varint(this.#table[cell]! * 16 + this.#flags[cell]!);
      copyRange(writer, this.#deltas[this.#delta[cell]!]!, this.#tail[cell]!, this.#end[cell]!);
      cells++;
      if (writer.length < BLOCK_BYTES) continue;
      yield new EntryReader(new ByteReader(writer.copy(), 'state delta'), this.#tables, cells);
      writer.cut(0);
      cells = 0;
    }
    if (cells > 0) yield new EntryReader(new ByteReader(writer.copy(), 'state delta'), this.#tables, cells);
  }

  #put(keys: Map<KeyId, number>, table: number, delta: number, entries: EntryReader): void {
    const { key, sub } = entries;
    const newest = keys.get(key);
    let cell = newest;
    if (cell === undefined || this.#sub[cell] !== sub) {
      cell = this.#sub.push(sub) - 1;
      this.#older.push(newest ?? -1);
      keys.set(key, cell);
    }
    this.#table[cell] = table;
    this.#flags[cell] = entries.flags;
    this.#delta[cell] = delta;
    this.#tail[cell] = entries.tail;
    this.#end[cell] = entries.end;
  }

  #inOrder(): number[] {
    const order: number[] = [];
    for (const name of [...this.#byName.keys()].sort()) {
      const keys = this.#byName.get(name)!;
      for (const key of sorted([...keys.keys()])) {
        const newest = keys.get(key)!;
        if (this.#older[newest] === -1) order.push(newest);
        else this.#addSubs(order, newest);
      }
    }
    return order;
  }

  /** Adds the cells of one key: of each sub the newest. */
  #addSubs(order: number[], newest: number): void {
    const cells: number[] = [];
    for (let cell = newest; cell !== -1; cell = this.#older[cell]!) cells.push(cell);
    const subs = this.#sub;
    cells.sort((a, b) => compareSubIds(subs[a], subs[b]) || b - a);
    for (let i = 0; i < cells.length; i++) {
      if (i === 0 || subs[cells[i]!] !== subs[cells[i - 1]!]) order.push(cells[i]!);
    }
  }

  #placeOf({ name, version }: StoredTable): number {
    const place = this.#tables.findIndex((table) => table.name === name && table.version === version);
    return place >= 0 ? place : this.#tables.push({ name, version }) - 1;
  }

  #keysOf(name: string): Map<KeyId, number> {
    let keys = this.#byName.get(name);
    if (keys === undefined) {
      keys = new Map();
      this.#byName.set(name, keys);
    }
    return keys;
  }
}

/** As `compareKeyIds` orders them, but by sorts that need no calls back. */
function sorted(keys: KeyId[]): Iterable<KeyId> {
  const strings = keys.filter((key) => typeof key === 'string');
  if (strings.length === keys.length) return strings.sort();
  const numbers = keys.filter((key) => typeof key === 'number');
  const bigints = keys.filter((key) => typeof key === 'bigint');
  return [...Float64Array.from(numbers).sort(), ...bigints.sort(compareKeyIds), ...strings.sort()];
}
