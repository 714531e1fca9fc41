/** What a case of the suite is made of. */
import type { PipelineBuilder, SourceConnector, UpsertConnector } from '../../lib/index.ts';

/** What all sources give. */
export interface Row {
  readonly key: string;
  /** Event time, in milliseconds since 1970; null in a row that is bad. */
  readonly at: number | null;
  readonly n: number;
  /** A key of other rows, where it names one. */
  readonly to?: string;
}

/** Where a host lets a pipeline begin and end. */
export interface Ends {
  source(id: string): SourceConnector<Row>;
  sink<T>(id: string): UpsertConnector<T>;
}

export type Fusing = 'all' | 'none';

export interface SuiteCase {
  /** A word: names the pipeline. */
  readonly name: string;
  /** What it shows. */
  readonly shows: string;
  /** Rows by source and partition. */
  readonly rows: Readonly<Record<string, readonly (readonly Row[])[]>>;
  build(p: PipelineBuilder, ends: Ends): void;
  /** All results by sink, in whatever order. */
  readonly results: Readonly<Record<string, readonly object[]>>;
  /** Tables by sink: what stands at the end, by the text of its key. */
  readonly tables?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** By sink: expects of its results what holds however inputs interleave. Those of a key come in their order. */
  readonly judged?: Readonly<Record<string, (found: readonly never[], fusing: Fusing) => void>>;
  /** Values of the dead letters, in whatever order. Default: none. */
  readonly letters?: readonly Row[];
  /** The sources do not end: these results must come all the same, and then the run is drained. */
  readonly beforeDrain?: Readonly<Record<string, readonly object[]>>;
}

/** 2023-11-14T22:00Z: the beginning of an hour, which the cases count their seconds from. */
export const START = 1_699_999_200_000;

/** A row so many seconds after the start. */
export const row = (key: string, seconds: number, n = 1): Row => ({ key, at: START + 1_000 * seconds, n });

/** One that names a key of other rows. */
export const rowTo = (key: string, seconds: number, n: number, to: string): Row => ({ ...row(key, seconds, n), to });

/** Of a result's event time, or a row's: in seconds after the start. */
export const secondOf = (time: number): number => (time - START) / 1_000;

/** The window of a result, in seconds after the start. */
export const span = (from: number, to: number) => ({
  windowStart: START + 1_000 * from,
  windowEnd: START + 1_000 * to,
});
