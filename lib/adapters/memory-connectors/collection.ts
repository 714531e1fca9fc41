import { createHash } from 'node:crypto';
import { MillraceError } from '../../model/index.ts';
import type { SourceConnector, SourceLog } from '../../ports/index.ts';

/** Rows in memory, all in one partition or dealt to several as given. */
export type Collection<T> = readonly T[] | { readonly partitions: readonly (readonly T[])[] };

/** A source over rows that are there already. Bounded; offsets are indices. The rows must not change afterwards. */
export function collection<T>(items: Collection<T>): SourceConnector<T> {
  const partitions = 'partitions' in items ? items.partitions : [items];
  const counts = partitions.map((rows) => rows.length);
  return {
    kind: 'collection',
    options: { rows: counts },
    bounded: true,
    open: async () => collectionLog(partitions, counts),
  };
}

function collectionLog(partitions: readonly (readonly unknown[])[], counts: readonly number[]): SourceLog {
  const at = (partition: number): readonly unknown[] => {
    const rows = partitions[partition];
    if (rows === undefined)
      throw new MillraceError('internal', `there is no partition ${partition} of ${counts.length}`);
    return rows;
  };
  const id = createHash('sha256').update(counts.join()).digest('hex').slice(0, 32);
  return {
    info: { id, partitions: partitions.length, bounded: true, resumable: true },
    async read(partition, from, limit) {
      const rows = at(partition);
      if (from > rows.length) {
        throw new MillraceError('data-lost', `the collection has ${rows.length} rows, and ${from} were read from it`, {
          where: { partition, offset: from },
        });
      }
      const values = rows.slice(from, from + limit);
      const next = from + values.length;
      return { values, next, start: 0, end: rows.length, sealed: next === rows.length };
    },
    bounds: async (partition) => ({ start: 0, end: at(partition).length, sealed: true }),
    close: async () => {},
  };
}
