/** Tables under test: a pipeline's tables as changelogs, fed in different ways, and put together again. */
import { isDeepStrictEqual } from 'node:util';
import {
  boundedOutOfOrderness,
  type ChangeRow,
  collection,
  milliseconds,
  noRestart,
  pipeline,
  type Stream,
  type Table,
  toMemory,
} from '../../../lib/index.ts';
import { TestDriver, type TestDriverOptions } from '../../../lib/testing/index.ts';

export type AnyTable = Table<unknown, unknown>;
export type AnyRow = ChangeRow<unknown, unknown>;

export interface Timed {
  readonly time: number;
}

/** What is under test: streams and tables by name. */
export type Build<T> = (input: Stream<T>) => Readonly<Record<string, unknown>>;

export interface Feeding extends TestDriverOptions {
  /** Sizes of the chunks in which records are fed, again and again. */
  readonly chunks?: readonly number[];
  /** Declared disorder, in milliseconds. */
  readonly disorder?: number;
  /** Tasks of each stage. Of several, all is read at the end, as one chunk. Default 1. */
  readonly parallelism?: number;
  /** Whether the input ends. */
  readonly ends?: boolean;
}

/** What each named stream or table has emitted: of each chunk; with the end's last. Tables as rows of their changelog. */
export async function emitted<T extends Timed>(
  build: Build<T>,
  records: readonly T[],
  { chunks = [1], disorder = 0, ends = false, parallelism = 1, ...options }: Feeding = {},
): Promise<Readonly<Record<string, unknown[][]>>> {
  let names: readonly string[] = [];
  const built = pipeline(
    'tables',
    (p) => {
      const input = p.source('in', collection<T>([]), {
        eventTime: (record) => new Date(record.time),
        watermark: boundedOutOfOrderness(milliseconds(disorder)),
      }) as Stream<T>;
      const made = build(input);
      names = Object.keys(made);
      for (const [name, one] of Object.entries(made)) {
        const stream = 'changes' in (one as object) ? (one as AnyTable).changes() : (one as Stream<unknown>);
        stream.to(`out-${name}`, toMemory());
      }
    },
    { parallelism, restart: noRestart() },
  );
  const driver = await TestDriver.open(built, options);
  const found: Record<string, unknown[][]> = Object.fromEntries(names.map((name) => [name, []]));
  const read = (): void => {
    if (parallelism > 1) return;
    for (const name of names) found[name]!.push(driver.read(`out-${name}`));
  };
  for (let at = 0, turn = 0; at < records.length; turn++) {
    const size = chunks[turn % chunks.length]!;
    await driver.feed('in', records.slice(at, at + size));
    at += size;
    read();
  }
  if (ends) {
    await driver.end();
    read();
  }
  if (parallelism > 1) for (const name of names) found[name]!.push(driver.all(`out-${name}`));
  await driver.close();
  return found;
}

/** The rows that a changelog leads to, by the JSON of their key. Throws if a change does not fit what stands. */
export function rowsOf(changes: readonly unknown[]): Map<string, unknown> {
  const rows = new Map<string, unknown>();
  const between = new Set<string>();
  for (const change of changes as readonly AnyRow[]) {
    const key = JSON.stringify(change.key);
    const stands = rows.has(key);
    const fits = change.kind === 'insert' || change.kind === 'update-after' ? !stands : stands;
    if (!fits)
      throw new Error(`${JSON.stringify(change)} where ${stands ? JSON.stringify(rows.get(key)) : 'nothing'} stands`);
    if ((change.kind === 'update-after') !== between.delete(key))
      throw new Error(`half an update: ${JSON.stringify(change)}`);
    if (change.kind === 'update-before') between.add(key);
    if (change.kind === 'insert' || change.kind === 'update-after') rows.set(key, change.value);
    else {
      if (!isDeepStrictEqual(rows.get(key), change.value)) {
        throw new Error(`${JSON.stringify(change)} takes back what does not stand: ${JSON.stringify(rows.get(key))}`);
      }
      rows.delete(key);
    }
  }
  if (between.size > 0) throw new Error('an update is not complete');
  return rows;
}

/** A change as rows of a changelog. */
export function changeRows(key: unknown, before: unknown, after: unknown): AnyRow[] {
  const rows: AnyRow[] = [];
  if (before !== undefined) rows.push({ kind: after === undefined ? 'delete' : 'update-before', key, value: before });
  if (after !== undefined) rows.push({ kind: before === undefined ? 'insert' : 'update-after', key, value: after });
  return rows;
}

/** Ways to feed the same records. */
export const feedings = (seed: number): readonly Feeding[] => [
  { chunks: [1_000], parallelism: 2 },
  { chunks: [1 + (seed % 3), 2 + (seed % 5), 1], parallelism: 2, restartAlways: true },
  { chunks: [3, 1 + (seed % 4)], parallelism: 3, deliverTwice: true, batch: 2 },
];
