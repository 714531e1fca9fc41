/** One call that puts an operator through everything that may happen to it and compares the outcomes. */
import { inspect, isDeepStrictEqual } from 'node:util';
import { collection, toMemory } from '../adapters/memory-connectors/index.ts';
import { SeededRandom } from '../adapters/simulated/index.ts';
import type { Duration, EventTime } from '../model/index.ts';
import { MillraceError } from '../model/index.ts';
import { boundedOutOfOrderness, noRestart, pipeline, type Stream } from '../pipeline/index.ts';
import { TestDriver, type TestDriverOptions } from './test-driver.ts';

/** Any stream: what can end at a sink. */
export interface Ending {
  to(id: string, sink: never): void;
}

export interface OperatorCase<In> {
  /** What is under test: everything between a source and a sink, key-bys included. */
  build(input: Stream<In>): Ending | readonly Ending[];
  /** Records in the order in which they arrive. They are frozen, so that an operator that changes its input is found out. */
  readonly records: readonly In[];
  eventTime(record: In): EventTime | Date;
  /** Declared disorder. Default: none. */
  readonly outOfOrderness?: Duration;
  /** Processing time to let pass at the end. Default: none. */
  readonly thenAdvance?: Duration;
  /** Seeds the random batches. */
  readonly seed?: number;
}

/** As `OperatorCase`, of an operator with two inputs. */
export interface TwoInputCase<L, R> extends Omit<OperatorCase<L | R>, 'build' | 'records'> {
  /** What is under test: everything between two sources and a sink, key-bys included. */
  build(left: Stream<L>, right: Stream<R>): Ending | readonly Ending[];
  /** Records of both sources in the order in which they arrive; of each, in order within the declared disorder. */
  readonly records: readonly ({ readonly left: L } | { readonly right: R })[];
}

/** The outputs of the streams that `build` returned, one list for each. */
export type OperatorOutputs = readonly (readonly unknown[])[];

/**
 * Runs the operator over the whole batch, record by record, with a restart after every step, with every message delivered twice, in random
 * batches, and twice the same; returns the outputs if they all agree. Throws `operator-failed`, naming the case and the first difference, if not.
 * Outputs are compared for each key's task in order.
 */
export async function verifyOperator<In>(test: OperatorCase<In>): Promise<OperatorOutputs> {
  const arrivals = test.records.map((record) => ({ input: 'in', record }));
  return verify(test, ['in'], arrivals, (streams) => test.build(streams[0] as Stream<In>), inOrder);
}

/**
 * As `verifyOperator`, of an operator with two inputs from two sources. How records of the two interleave at a task depends on how they were cut into batches, so that
 * outputs are compared without regard to their order. For the exact order, lead both inputs from one keyed stream: `verifyOperator` with
 * `keyed.filter(isLeft)` and `keyed.filter(isRight)`.
 */
export async function verifyTwoInputs<L, R>(test: TwoInputCase<L, R>): Promise<OperatorOutputs> {
  const arrivals = test.records.map((arrival) =>
    'left' in arrival ? { input: 'left', record: arrival.left } : { input: 'right', record: arrival.right },
  );
  const build = (streams: readonly Stream<unknown>[]) => test.build(streams[0] as Stream<L>, streams[1] as Stream<R>);
  return verify(test, ['left', 'right'], arrivals, build, inAnyOrder);
}

/** A record, and the source that it comes from. */
interface Arrival {
  readonly input: string;
  readonly record: unknown;
}

type Conditions = Pick<OperatorCase<never>, 'outOfOrderness' | 'thenAdvance' | 'seed'> & {
  eventTime(record: never): EventTime | Date;
};
type Build = (streams: readonly Stream<unknown>[]) => Ending | readonly Ending[];

const inOrder = (outputs: OperatorOutputs): OperatorOutputs => outputs;
const inAnyOrder = (outputs: OperatorOutputs): OperatorOutputs =>
  outputs.map((records) => records.toSorted((a, b) => (inspect(a) < inspect(b) ? -1 : 1)));

async function verify(
  test: Conditions,
  inputs: readonly string[],
  arrivals: readonly Arrival[],
  build: Build,
  ordered: (outputs: OperatorOutputs) => OperatorOutputs,
): Promise<OperatorOutputs> {
  const run = (options: TestDriverOptions, chunks: readonly (readonly Arrival[])[]) =>
    outputs(test, inputs, build, options, chunks);
  const expected = await run({}, [arrivals]);
  const one = arrivals.map((arrival) => [arrival]);
  const seed = test.seed ?? 1;
  const cases: [name: string, options: TestDriverOptions, chunks: readonly (readonly Arrival[])[]][] = [
    ['the same batch again', {}, [arrivals]],
    ['one record at a time', { batch: 1 }, one],
    ['a restart after every step', { batch: 1, restartAlways: true }, one],
    ['every message delivered twice', { deliverTwice: true }, chunked(arrivals, seed)],
    ['random batches', {}, chunked(arrivals, seed)],
    ['random batches with restarts', { restartAlways: true }, chunked(arrivals, seed + 1)],
  ];
  for (const [name, options, chunks] of cases) {
    const actual = await run(options, chunks);
    const difference = firstDifference(ordered(expected), ordered(actual));
    if (difference === undefined) continue;
    throw new MillraceError('operator-failed', `with ${name} the outcome differs: ${difference}`, {
      hint: 'an operator may depend on nothing but its input, its state and its context: no clock, no randomness, no variables outside',
    });
  }
  return expected;
}

async function outputs(
  test: Conditions,
  inputs: readonly string[],
  build: Build,
  options: TestDriverOptions,
  chunks: readonly (readonly Arrival[])[],
): Promise<OperatorOutputs> {
  let sinks = 0;
  const built = pipeline(
    'under-test',
    (p) => {
      const sources = inputs.map(
        (id) =>
          p.source(id, collection<unknown>([]), {
            eventTime: (record) => test.eventTime(record as never),
            watermark: boundedOutOfOrderness(test.outOfOrderness ?? (0 as Duration)),
          }) as Stream<unknown>,
      );
      const streams = [build(sources)].flat();
      for (const stream of streams) stream.to(`out-${sinks++}`, toMemory<unknown>() as never);
    },
    { parallelism: 2, restart: noRestart() },
  );
  const driver = await TestDriver.open(built, options);
  for (const chunk of chunks) {
    for (const id of inputs) {
      const records = chunk.filter(({ input }) => input === id).map(({ record }) => frozen(record));
      if (records.length > 0) await driver.feed(id, records);
    }
  }
  if (test.thenAdvance !== undefined) await driver.advance(test.thenAdvance);
  await driver.end();
  const found = Array.from({ length: sinks }, (_, i) => driver.all(`out-${i}`));
  await driver.close();
  return found;
}

function firstDifference(expected: OperatorOutputs, actual: OperatorOutputs): string | undefined {
  for (const [output, records] of expected.entries()) {
    const others = actual[output]!;
    for (let i = 0; i < Math.max(records.length, others.length); i++) {
      if (!isDeepStrictEqual(records[i], others[i])) {
        return `output ${output}, record ${i} is ${JSON.stringify(others[i])} and was ${JSON.stringify(records[i])} (${others.length} records, were ${records.length})`;
      }
    }
  }
  return undefined;
}

function chunked<T>(records: readonly T[], seed: number): T[][] {
  const random = new SeededRandom(seed);
  const chunks: T[][] = [];
  for (let at = 0; at < records.length; ) {
    const size = 1 + Math.floor(random.next() * 7);
    chunks.push(records.slice(at, at + size));
    at += size;
  }
  return chunks;
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value;
  if (Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) frozen(inner);
  return value;
}
