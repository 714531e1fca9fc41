/** One call that puts an operator through everything that may happen to it and compares the outcomes. */
import { isDeepStrictEqual } from 'node:util';
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

/** The outputs of the streams that `build` returned, one list for each. */
export type OperatorOutputs = readonly (readonly unknown[])[];

/**
 * Runs the operator over the whole batch, record by record, with a restart after every step, with every message delivered twice, in random
 * batches, and twice the same; returns the outputs if they all agree. Throws `operator-failed`, naming the case and the first difference, if not.
 * Outputs are compared for each key's task in order.
 */
export async function verifyOperator<In>(test: OperatorCase<In>): Promise<OperatorOutputs> {
  const expected = await outputs(test, {}, [test.records]);
  const one = test.records.map((record) => [record]);
  const cases: [name: string, options: TestDriverOptions, chunks: readonly (readonly In[])[]][] = [
    ['the same batch again', {}, [test.records]],
    ['one record at a time', { batch: 1 }, one],
    ['a restart after every step', { batch: 1, restartAlways: true }, one],
    ['every message delivered twice', { deliverTwice: true }, chunked(test.records, test.seed ?? 1)],
    ['random batches', {}, chunked(test.records, test.seed ?? 1)],
    ['random batches with restarts', { restartAlways: true }, chunked(test.records, (test.seed ?? 1) + 1)],
  ];
  for (const [name, options, chunks] of cases) {
    const actual = await outputs(test, options, chunks);
    const difference = firstDifference(expected, actual);
    if (difference === undefined) continue;
    throw new MillraceError('operator-failed', `with ${name} the outcome differs: ${difference}`, {
      hint: 'an operator may depend on nothing but its input, its state and its context: no clock, no randomness, no variables outside',
    });
  }
  return expected;
}

async function outputs<In>(
  test: OperatorCase<In>,
  options: TestDriverOptions,
  chunks: readonly (readonly In[])[],
): Promise<OperatorOutputs> {
  let sinks = 0;
  const built = pipeline(
    'under-test',
    (p) => {
      const source = p.source('in', collection<In>([]), {
        eventTime: (record) => test.eventTime(record as In),
        watermark: boundedOutOfOrderness(test.outOfOrderness ?? (0 as Duration)),
      }) as Stream<In>;
      const streams = [test.build(source)].flat();
      for (const stream of streams) stream.to(`out-${sinks++}`, toMemory<unknown>() as never);
    },
    { parallelism: 2, restart: noRestart() },
  );
  const driver = await TestDriver.open(built, options);
  for (const chunk of chunks) await driver.feed('in', chunk.map(frozen));
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
