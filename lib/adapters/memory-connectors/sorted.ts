import { MillraceError } from '../../model/index.ts';
import { type Json, type SourceConnector, type SourceLog, Undecodable } from '../../ports/index.ts';
import { collection } from './collection.ts';

/** What rows can be put in order by. */
export type SortKey = number | bigint | string | Date;

/**
 * A bounded source in order of a field: all its partitions are read into memory when it opens, so it is for inputs that fit. One partition; an offset is a
 * place in the sorted order. Rows with equal keys keep their order, as do rows that could not be decoded or have no key: they follow the row they
 * followed before.
 */
export function sorted<T>(connector: SourceConnector<T>, by: (row: T) => SortKey | undefined): SourceConnector<T> {
  if (!connector.bounded) {
    throw new MillraceError('invalid-pipeline', `a source without an end cannot be sorted: ${connector.kind}`, {
      hint: 'sort a file that is not followed, or let event time do the ordering',
    });
  }
  return {
    kind: 'sorted',
    options: { of: { kind: connector.kind, options: connector.options } },
    bounded: true,
    async open(host) {
      const inner = await connector.open(host);
      try {
        const rows = inOrder(await readAll(inner, host.signal), by as (row: unknown) => SortKey | undefined);
        const log = await collection(rows).open(host);
        return { ...log, info: { ...log.info, id: `sorted-${inner.info.id}`, resumable: inner.info.resumable } };
      } finally {
        await inner.close();
      }
    },
  };
}

async function readAll(log: SourceLog, signal: AbortSignal): Promise<unknown[]> {
  const rows: unknown[] = [];
  for (let partition = 0; partition < log.info.partitions; partition++) {
    let next = 0;
    let cursor: Json | undefined;
    for (;;) {
      signal.throwIfAborted();
      const slice = await log.read(partition, next, 8_192, cursor);
      for (const value of slice.values) rows.push(value);
      next = slice.next;
      cursor = slice.cursor;
      if (slice.sealed && next === slice.end) break;
    }
  }
  return rows;
}

function inOrder(rows: readonly unknown[], by: (row: unknown) => SortKey | undefined): readonly unknown[] {
  let last: SortKey | undefined;
  const keyed = rows.map((row) => {
    const key = row instanceof Undecodable ? undefined : sortable(by(row));
    if (key !== undefined) last = key;
    return { row, key: last };
  });
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ row }) => row);
}

function sortable(key: SortKey | undefined | null): SortKey | undefined {
  const plain = key instanceof Date ? key.getTime() : (key ?? undefined);
  return typeof plain === 'number' && Number.isNaN(plain) ? undefined : plain;
}

function compare(a: SortKey | undefined, b: SortKey | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
