/** Makes a failing simulation smaller, as long as the same invariant fails: fewer faults, fewer rows. */
import type { SimSourceSpec } from './sim-source.ts';
import type { SimSpec } from './sim-spec.ts';
import { type SimReport, simulate } from './simulate.ts';

export interface Shrunk {
  readonly report: SimReport;
  /** Faults that did not happen, although the seed has them. */
  readonly spared: ReadonlySet<string>;
  /** Rows that are left, by source. */
  readonly sources: Readonly<Record<string, SimSourceSpec>>;
  /** Simulations that were run. */
  readonly tries: number;
}

export interface ShrinkOptions {
  /** Simulations to run at most; 200 if not said. */
  readonly tries?: number;
}

/**
 * Spares faults and drops rows, in ever smaller parts, while the invariant that `seed` breaks stays broken; the story is that of the smallest life found. `make`
 * makes the specification anew each time, since author's code may remember; its `check` must go by the rows it is given.
 */
export async function shrink(seed: number, make: () => SimSpec, options: ShrinkOptions = {}): Promise<Shrunk> {
  const { tries: most = 200 } = options;
  let tries = 0;
  const attempt = (spared: ReadonlySet<string>, sources: SimSpec['sources']): Promise<SimReport> => {
    tries++;
    return simulate(seed, { ...make(), sources }, { spared, tell: true });
  };
  let sources = make().sources;
  let spared: ReadonlySet<string> = new Set<string>();
  let report = await attempt(spared, sources);
  const invariant = report.violation?.invariant;
  if (invariant === undefined) return { report, spared, sources, tries };
  const isSame = (other: SimReport): boolean => other.violation?.invariant === invariant;

  const spareFaults = async (): Promise<void> => {
    for (let size = report.faults.length; size >= 1; size = size >> 1) {
      for (let from = 0; from < report.faults.length && tries < most; ) {
        const without = new Set([...spared, ...report.faults.slice(from, from + size)]);
        const other = await attempt(without, sources);
        if (isSame(other) && other.faults.length < report.faults.length) {
          report = other;
          spared = without;
        } else from += size;
      }
    }
  };
  const dropRows = async (): Promise<void> => {
    for (const [id, { partitions }] of Object.entries(sources)) {
      for (let p = 0; p < partitions.length; p++) {
        for (let size = rowsOf(sources, id, p).length; size >= 1; size = size >> 1) {
          for (let from = 0; from < rowsOf(sources, id, p).length && tries < most; ) {
            const fewer = withoutRows(sources, id, p, from, size);
            const other = await attempt(spared, fewer);
            if (isSame(other)) {
              report = other;
              sources = fewer;
            } else from += size;
          }
        }
      }
    }
  };
  await spareFaults();
  await dropRows();
  await spareFaults();
  return { report, spared, sources, tries };
}

const rowsOf = (sources: SimSpec['sources'], id: string, partition: number) => sources[id]!.partitions[partition]!;

function withoutRows(
  sources: SimSpec['sources'],
  id: string,
  partition: number,
  from: number,
  size: number,
): SimSpec['sources'] {
  const source = sources[id]!;
  const partitions = source.partitions.map((rows, p) => (p === partition ? rows.toSpliced(from, size) : rows));
  return { ...sources, [id]: { ...source, partitions } };
}
