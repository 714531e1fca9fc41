import type { Pipeline } from '../../pipeline/index.ts';
import type { CommitHeader, RunRecord } from '../../protocol/index.ts';
import type { DeadLetter } from '../../runtime/index.ts';
import type { FaultRates } from './dice.ts';
import type { SimSourceSpec } from './sim-source.ts';
import type { SunkRecord } from './sunk-record.ts';
import type { SimSizes, World } from './world.ts';

/** What is simulated. */
export interface SimSpec {
  /** The pipeline, with sources and sinks of any kind, which are replaced by id. If the code is upgraded, its versions in order. */
  readonly pipelines: readonly Pipeline[];
  readonly sources: Readonly<Record<string, SimSourceSpec>>;
  /** When each further version is deployed, in milliseconds from the start. */
  readonly upgrades?: readonly number[];
  /** Tasks are called as functions call them: one that is rung catches up first, and one of a source looks at the run's records. Otherwise nobody calls them while newer code takes over. */
  readonly looks?: boolean;
  /** All records keep to their source's bound and event time follows the wall clock, so that none may ever be late. */
  readonly inBound?: boolean;
  /** Tasks may stop; `check` says whether that is right. */
  readonly mayStop?: boolean;
  /** False where a stage's code gives other results at another attempt, so that its state cannot be made again from its log. */
  readonly repeatable?: boolean;
  /** Where sources end, per partition, although their logs go on. */
  readonly ends?: RunRecord['ends'];
  /** Multiplies the share of faults. */
  readonly faults?: Partial<FaultRates>;
  /** Things that happen at a time in milliseconds from the start. */
  readonly happenings?: readonly { readonly at: number; readonly act: (world: World) => void }[];
  readonly sizes?: Partial<SimSizes>;
  /** Steps are written in groups; one process at a time has the stores for itself. */
  readonly groups?: boolean;
  /** Longest time, in simulated milliseconds, that a source's task may wait with what has arrived. */
  readonly slowSource?: number;
  /** Each task of each sink gets the same records in the same order as if nothing had gone wrong and records had come one by one. */
  readonly sameOrder?: boolean;
  /** The same, but each sink as a whole and in any order. */
  readonly sameResults?: boolean;
  /** What is wrong with what came out; undefined if nothing is. */
  check?(outcome: SimOutcome): string | undefined;
}

/** What came out of a simulated life. */
export interface SimOutcome {
  /** By sink, per task in order. */
  readonly sinks: Readonly<Record<string, readonly SunkRecord[]>>;
  readonly deadLetters: readonly DeadLetter[];
  readonly heads: readonly CommitHeader[];
  /** What the pump, the audit and stopped tasks said was wrong. */
  readonly alarms: readonly string[];
  readonly sources: SimSpec['sources'];
}
