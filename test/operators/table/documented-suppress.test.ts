/**
 * Kafka Streams' own tests of suppression: KTableSuppressProcessorTest and SuppressScenarioTest (apache/kafka, streams, org.apache.kafka.streams.kstream.internals), under their names there. Its
 * stream time is the time of the latest record; here what a limit says of time is reached when the watermark says that nothing earlier follows.
 */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  count,
  days,
  milliseconds,
  pipeline,
  type Stream,
  session,
  type Table,
  toMemory,
  type WindowKey,
} from '../../../lib/index.ts';
import { type Suppression, suppressOperator, untilTimeLimit, untilWindowCloses } from '../../../lib/operators/index.ts';
import { TestDriver } from '../../../lib/testing/index.ts';
import { Harness } from '../harness.ts';

/** What is let out, key by key, as `before>after`. */
function suppressing(suppression: Suppression, lateness?: number): { harness: Harness; out: () => string[] } {
  const harness = new Harness(suppressOperator(suppression, lateness));
  const out = (): string[] =>
    harness.emitted().map(({ value, time, key }) => {
      const { before, after } = value as { before?: number; after?: number };
      return `${key} ${before ?? ''}>${after ?? ''} @${time}`;
    });
  return { harness, out };
}

const insert = { before: undefined, after: 1 };
const tombstone = { before: 5, after: undefined };

describe('Kafka Streams, KTableSuppressProcessorTest', () => {
  it('zeroTimeLimitShouldImmediatelyEmit', () => {
    const { harness, out } = suppressing(untilTimeLimit(0));
    harness.advance(5).record(insert, 5, 'hey');
    expect(out()).toEqual(['hey >1 @5']);
  });

  it('intermediateSuppressionShouldBufferAndEmitLater', () => {
    const { harness, out } = suppressing(untilTimeLimit(1));
    harness.record(insert, 0, 'hey').advance(0);
    expect(out()).toEqual([]);
    harness.advance(1);
    expect(out()).toEqual(['hey >1 @0']);
  });

  it('finalResultsSuppressionShouldBufferAndEmitAtGraceExpiration: [99, 100) with a grace of 1 at 101, not at 100', () => {
    const { harness, out } = suppressing(untilWindowCloses(), 1);
    harness.record(insert, 99, 'hey');
    harness.advance(100 - 1);
    expect(out()).toEqual([]);
    harness.advance(101 - 1);
    expect(out()).toEqual(['hey >1 @99']);
  });

  it('finalResultsWithZeroGraceShouldStillBufferUntilTheWindowEnd, and ...AtWindowEndShouldImmediatelyEmit', () => {
    const { harness, out } = suppressing(untilWindowCloses(), 0);
    harness.advance(4).record(insert, 99, 'hey').advance(98);
    expect(out()).toEqual([]);
    harness.advance(99).record(insert, 99, 'now');
    expect(out()).toEqual(['hey >1 @99', 'now >1 @99']);
  });

  it('finalResultsShouldDropTombstonesForTimeWindows: of a window of which nothing was told', () => {
    const { harness, out } = suppressing(untilWindowCloses(), 0);
    harness.record(insert, 99, 'hey').record({ before: 1, after: undefined }, 99, 'hey').end();
    expect(out()).toEqual([]);
  });

  it('suppressShouldNotDropTombstonesForKTable', () => {
    const { harness, out } = suppressing(untilTimeLimit(0, { maxKeys: 1 }));
    harness.advance(100).record(tombstone, 100, 'hey');
    expect(out()).toEqual(['hey 5> @100']);
  });

  it('suppressShouldEmitWhenOverRecordCapacity, suppressShouldEmitWhenOverByteCapacity', () => {
    for (const limits of [{ maxKeys: 1 }, { maxBytes: 30 }]) {
      const { harness, out } = suppressing(untilTimeLimit(days(100), limits));
      harness.record(insert, 100, 'hey').record(insert, 101, 'dummyKey');
      expect(out()).toEqual(['hey >1 @100']);
    }
  });

  it('suppressShouldShutDownWhenOverRecordCapacity, suppressShouldShutDownWhenOverByteCapacity', () => {
    for (const limits of [{ maxKeys: 1 }, { maxBytes: 30 }]) {
      const { harness } = suppressing(untilTimeLimit(days(100), { ...limits, whenFull: 'stop' }));
      harness.record(insert, 100, 'hey');
      expect(() => harness.record(insert, 101, 'dummyKey')).toThrow(/more would be held back/);
    }
  });
});

/** There a session ends with its last record, here a gap later; there one that takes another record within its bounds is deleted and told anew, here it is updated. */
describe('Kafka Streams, SuppressScenarioTest', () => {
  it('shouldSupportFinalResultsForSessionWindows: sessions with a gap of 5 and no grace', async () => {
    const built = pipeline(
      'sessions',
      (p) => {
        const counts = p
          .source('in', collection<readonly [string, number]>([]), {
            eventTime: ([, at]) => new Date(at),
            watermark: boundedOutOfOrderness(milliseconds(0)),
          })
          .keyBy('k', ([key]) => key)
          .window(session(milliseconds(5)))
          .toTable('counts', count());
        const said = (counted: Table<WindowKey<string>, number>): Stream<string> =>
          counted.toStream().map(({ key, value }) => `${key.key}@${key.start}/${key.end - 5} ${value}`);
        said(counts).to('raw', toMemory());
        said(counts.suppress('closed', untilWindowCloses())).to('final', toMemory());
      },
      { parallelism: 1 },
    );
    const driver = await TestDriver.open(built);
    const records = [
      ['k1', 0],
      ['k1', 5],
      ['k1', 1],
      ['k2', 11],
      ['k1', 5],
      ['k1', 30],
    ] as const;
    for (const record of records) await driver.feed('in', [record]);
    expect(driver.read('raw')).toEqual([
      ...['k1@0/0 1', 'k1@0/0 null', 'k1@0/5 2', 'k1@0/5 3'],
      ...['k2@11/11 1', 'k1@30/30 1'],
    ]);
    expect(driver.read('final')).toEqual(['k1@0/5 3', 'k2@11/11 1']);
    await driver.close();
  });
});
