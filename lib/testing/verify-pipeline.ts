/** One call that leads a whole pipeline through simulated trouble and compares what came out with an undisturbed life. */
import { MillraceError } from '../model/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import { type FaultRates, type SimRow, type SimSpec, shrink, simulate } from './simulation/index.ts';

export interface PipelineCase {
  /** The pipeline, made anew for each life. Its connectors are replaced by simulated ones. */
  build(): Pipeline;
  /** Rows by source, as the connector would give them; in several partitions if they are lists of lists. */
  readonly rows: Readonly<Record<string, readonly unknown[]>>;
  /** Lives to simulate, each by a seed of its own. Default: 20. */
  readonly seeds?: number;
  /** The first seed. Default: 1. */
  readonly from?: number;
  /**
   * `order` (the default with one partition): each sink's task gets the same records in the same order. `results`: each sink gets the same records. `none`: only the
   * engine's own rules are looked at, for pipelines whose results depend on the order in which several partitions are read.
   */
  readonly compare?: 'order' | 'results' | 'none';
  /** Multiplies shares of faults, for instance `{ crash: 5 }`. */
  readonly faults?: Partial<FaultRates>;
}

/**
 * Runs the pipeline in many simulated lives: processes crash between any two calls, pause, come back as zombies; messages are delivered twice, at once, never; stores fail, also
 * after they have done what was asked. Throws `operator-failed`, with the seed and the smallest story that shows it, if a life does not come to the same results as an undisturbed
 * one, or breaks a rule of the engine. Rows are all there from the start, and the sources end.
 */
export async function verifyPipeline(test: PipelineCase): Promise<void> {
  const { seeds = 20, from = 1 } = test;
  for (let seed = from; seed < from + seeds; seed++) {
    const { violation } = await simulate(seed, specOf(test));
    if (violation === undefined) continue;
    const { report } = await shrink(seed, () => specOf(test), { tries: 80 });
    const { invariant, message } = report.violation ?? violation;
    const story = report.story.slice(-80).join('\n');
    throw new MillraceError(
      'operator-failed',
      `in the simulated life of seed ${seed} it does not hold that ${invariant}: ${message}\n${story}`,
      {
        hint: `run it again by { from: ${seed}, seeds: 1 }; code may depend on nothing but its input, its state and its context: no clock, no randomness, no variables outside`,
      },
    );
  }
}

/** Room in a message beside one row. */
const MESSAGE_BYTES = 4_000;

function specOf({ build, rows, compare, faults }: PipelineCase): SimSpec {
  const partitions = Object.entries(rows).map(([id, list]) => [id, partitionsOf(list)] as const);
  const single = partitions.length === 1 && partitions[0]![1].length === 1;
  const chosen = compare ?? (single ? 'order' : 'results');
  const largest = Math.max(
    0,
    ...Object.values(rows).flatMap((list) => list.map((row) => (JSON.stringify(row) ?? '').length)),
  );
  return {
    pipelines: [build()],
    sources: Object.fromEntries(partitions.map(([id, lists]) => [id, { partitions: lists, bounded: true }])),
    sizes: { maxMessageBytes: MESSAGE_BYTES + 4 * largest },
    sameOrder: chosen === 'order',
    sameResults: chosen === 'results',
    repeatable: chosen !== 'none',
    ...(faults === undefined ? {} : { faults }),
  };
}

function partitionsOf(list: readonly unknown[]): SimRow[][] {
  const lists =
    list.length > 0 && list.every((row) => Array.isArray(row)) ? (list as readonly (readonly unknown[])[]) : [list];
  return lists.map((rows) => rows.map((value) => ({ value, at: 0 })));
}
