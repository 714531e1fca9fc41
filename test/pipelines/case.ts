/** What a case of the suite is made of. */
import type { PipelineBuilder, SinkConnector, SourceConnector } from '../../lib/index.ts';

/** What all sources give. */
export interface Row {
  readonly key: string;
  /** Event time, in milliseconds since 1970; null in a row that is bad. */
  readonly at: number | null;
  readonly n: number;
}

/** Where a host lets a pipeline begin and end. */
export interface Ends {
  source(id: string): SourceConnector<Row>;
  sink<T>(id: string): SinkConnector<T>;
}

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
  /** Values of the dead letters, in whatever order. Default: none. */
  readonly letters?: readonly Row[];
  /** The sources do not end: these results must come all the same, and then the run is drained. */
  readonly beforeDrain?: Readonly<Record<string, readonly object[]>>;
}

/** 2023-11-14T22:00Z: the beginning of an hour, which the cases count their seconds from. */
export const START = 1_699_999_200_000;

/** A row so many seconds after the start. */
export const row = (key: string, seconds: number, n = 1): Row => ({ key, at: START + 1_000 * seconds, n });

/** The window of a result, in seconds after the start. */
export const span = (from: number, to: number) => ({
  windowStart: START + 1_000 * from,
  windowEnd: START + 1_000 * to,
});
