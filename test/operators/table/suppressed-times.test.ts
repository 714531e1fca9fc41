/** What is let out late has the event time of its change: windows behind it must wait for it. */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  count,
  type Duration,
  epochSeconds,
  type KeyedStream,
  milliseconds,
  pipeline,
  type Suppression,
  seconds,
  type Table,
  toMemory,
  tumbling,
  untilTimeLimit,
  untilWindowCloses,
} from '../../../lib/index.ts';
import { TestDriver } from '../../../lib/testing/index.ts';

interface Event {
  readonly key: string;
  readonly second: number;
}

const SPAN = seconds(10);
const events = Array.from({ length: 60 }, (_, i): Event => ({ key: `k${i % 3}`, second: i * 7 }));

type Made = (keyed: KeyedStream<string, Event>) => [Table<unknown, number>, Suppression];
const ofKeys: Made = (keyed) => [keyed.toTable('rows', count()), untilTimeLimit(SPAN)];
const ofWindows: Made = (keyed) => [
  keyed.window(tumbling(SPAN), { allowedLateness: SPAN }).toTable('rows', count()) as Table<unknown, number>,
  untilWindowCloses(),
];

describe('windows of what a suppressed table lets out', () => {
  const lateOf = async (made: Made, allowedLateness: Duration): Promise<number> => {
    const built = pipeline('calm', (p) => {
      const keyed = p
        .source('in', collection<Event>([]), {
          eventTime: ({ second }) => epochSeconds(second),
          watermark: boundedOutOfOrderness(milliseconds(0)),
        })
        .keyBy('by-key', ({ key }) => key);
      const [table, suppression] = made(keyed);
      table
        .suppress('calm', suppression)
        .changes()
        .windowAll(tumbling(SPAN), { allowedLateness })
        .aggregate('counted', count())
        .to('out', toMemory());
    });
    const driver = await TestDriver.open(built);
    for (const event of events) await driver.feed('in', [event]);
    await driver.end();
    const late = driver.counted('counted', 'late');
    await driver.close();
    return late;
  };

  it.each([
    ['until a time limit', ofKeys],
    ['until windows close', ofWindows],
  ])('find none late where they wait as long as changes are held back %s, and some otherwise', async (_name, made) => {
    expect(await lateOf(made, SPAN)).toBe(0);
    expect(await lateOf(made, milliseconds(0))).toBeGreaterThan(0);
  });
});
