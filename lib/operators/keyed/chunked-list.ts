import type { KeyId } from '../../model/index.ts';
import { type Cell, type CellTable, NEVER, type TimerDomain } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';
import type { Subs } from './scope.ts';

/** Items of a list, each with a number beside it: its event time, or when it expires. */
export interface Chunk {
  /** In the open chunk, how many are closed; in those, 0. */
  chunks: number;
  items: unknown[];
  stamps: number[];
}

/** A closed chunk's length. */
const FULL = 32;

/** The stamp of an item that was added while nothing expired: it never does. */
export const LASTING = 0;

export interface ChunkedListOptions {
  readonly domain: TimerDomain;
  readonly version?: number;
  readonly migrate?: (value: unknown, version: number) => unknown;
}

/**
 * Lists by key in chunks of 32: items are added to an open chunk, which when full is put aside under its number and never changes again. So a change is
 * as small as a chunk however long the list. In the ttl domains stamps say when items expire, and a chunk goes when the last of its items has; one with the stamp
 * LASTING never does.
 */
export class ChunkedList<T> {
  readonly #table: CellTable<Chunk>;
  readonly #subs: Subs;
  readonly #expires: boolean;

  constructor(context: OperatorContext, name: string, subs: Subs, options: ChunkedListOptions) {
    const { domain, version, migrate } = options;
    this.#subs = subs;
    this.#expires = domain !== 'none';
    this.#table = context.table<Chunk>(name, {
      clone: ({ chunks, items, stamps }) => ({ chunks, items: items.slice(), stamps: stamps.slice() }),
      domain,
      ...(version === undefined ? {} : { version }),
      ...(migrate === undefined
        ? {}
        : { migrate: (old, from) => migrated(old as Chunk, (item) => migrate(item, from)) }),
    });
  }

  append(key: KeyId, item: T, stamp: number): void {
    const table = this.#table;
    const open = table.find(key, this.#subs.of(undefined));
    if (open === undefined) {
      const cell = table.create(key, this.#subs.of(undefined), { chunks: 0, items: [item], stamps: [stamp] });
      if (this.#expires) table.schedule(cell, stamp);
      return;
    }
    table.touch(open);
    const { chunks, items, stamps } = open.value;
    if (items.length < FULL) {
      items.push(item);
      stamps.push(stamp);
    } else {
      const closed = table.create(key, this.#subs.of(chunks), { chunks: 0, items, stamps });
      if (this.#expires) table.schedule(closed, lastOf(stamps));
      open.value = { chunks: chunks + 1, items: [item], stamps: [stamp] };
    }
    if (this.#expires && stamp > open.timer) table.schedule(open, stamp);
  }

  isEmpty(key: KeyId): boolean {
    return this.#table.find(key, this.#subs.of(undefined)) === undefined;
  }

  /** Calls back for every item in the order of adding. */
  each(key: KeyId, visit: (item: T, stamp: number) => void): void {
    for (const cell of this.#cells(key)) {
      const { items, stamps } = cell.value;
      for (let i = 0; i < items.length; i++) visit(items[i] as T, stamps[i]!);
    }
  }

  clear(key: KeyId): void {
    for (const cell of this.#cells(key)) this.#table.remove(cell);
  }

  #cells(key: KeyId): Cell<Chunk>[] {
    const open = this.#table.find(key, this.#subs.of(undefined));
    if (open === undefined) return [];
    const cells: Cell<Chunk>[] = [];
    for (let i = 0; i < open.value.chunks; i++) {
      const closed = this.#table.find(key, this.#subs.of(i));
      if (closed !== undefined) cells.push(closed);
    }
    cells.push(open);
    return cells;
  }
}

const lastOf = (stamps: readonly number[]): number => (stamps.includes(LASTING) ? NEVER : Math.max(...stamps));

function migrated({ chunks, items, stamps }: Chunk, migrate: (item: unknown) => unknown): Chunk {
  return { chunks, items: items.map(migrate), stamps };
}
