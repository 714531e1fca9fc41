import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KafkaRecord } from '../../lib/adapters/kafka/index.ts';
import { SeededRandom } from '../../lib/adapters/simulated/index.ts';
import { type Batch, Batches } from '../../lib/local/batches.ts';
import { eventText, PAYLOAD_LIMIT } from '../../lib/local/event.ts';
import { goodDay, type Habits, type KafkaMapping } from '../../lib/local/index.ts';
import { milliseconds, type WallTime } from '../../lib/model/index.ts';

const mappingOf = (batchSize: number, window = 0): KafkaMapping => ({
  name: 'm',
  functionName: 'f',
  topic: 't',
  group: 'g',
  startingPosition: 'TRIM_HORIZON',
  batchSize,
  window: milliseconds(window),
  form: { kind: 'self-managed', bootstrapServers: 'b' },
});
const record = (offset: number, size = 1): KafkaRecord => ({
  offset,
  time: 0,
  key: undefined,
  value: new Uint8Array(size),
  headers: [],
});
const opened = (mapping: KafkaMapping, habits: Partial<Habits> = {}) =>
  new Batches(mapping, { ...goodDay, ...habits }, new SeededRandom(1));
const at = (time: number) => time as WallTime;
const cuts = (batch: Batch | undefined) => batch?.parts.map(({ partition, first, next }) => [partition, first, next]);

describe('deliveries', () => {
  it('wait for the window since the first record, or until a batch is full', () => {
    const batches = opened(mappingOf(3, 500));
    batches.add(0, [record(0)], at(1_000));
    batches.add(0, [record(1)], at(1_400));
    expect(batches.take(at(1_499))).toBeUndefined();
    expect(batches.due()).toBe(1_500);
    expect(cuts(batches.take(at(1_500)))).toEqual([[0, 0, 2]]);
    batches.add(1, [record(0), record(1), record(2), record(3)], at(1_500));
    expect(cuts(batches.take(at(1_500)))).toEqual([[1, 0, 3]]);
  });

  it('mix partitions that have something, and leave alone those of which one is under way', () => {
    const batches = opened(mappingOf(10));
    batches.add(0, [record(5)], at(0));
    batches.add(1, [record(7), record(9)], at(0));
    const first = batches.take(at(0))!;
    expect(cuts(first)!.sort()).toEqual([
      [0, 5, 6],
      [1, 7, 10],
    ]);
    batches.add(0, [record(6)], at(0));
    batches.add(2, [record(0)], at(0));
    expect(cuts(batches.take(at(0)))).toEqual([[2, 0, 1]]);
    expect(batches.take(at(0))).toBeUndefined();
    batches.release(first);
    expect(cuts(batches.take(at(0)))).toEqual([[0, 6, 7]]);
  });

  it('hold one partition each where they do not mix', () => {
    const batches = opened(mappingOf(10), { mixed: 0 });
    for (const partition of [0, 1, 2]) batches.add(partition, [record(0)], at(0));
    const taken = [batches.take(at(0)), batches.take(at(0)), batches.take(at(0)), batches.take(at(0))];
    expect(taken.map((batch) => batch?.parts.length)).toEqual([1, 1, 1, undefined]);
  });

  it('stay below the payload that Lambda takes, and leave out what no payload can hold', () => {
    const mapping = mappingOf(10_000);
    const batches = opened(mapping);
    const oversized: number[] = [];
    batches.onOversized = ({ offset }) => oversized.push(offset);
    batches.add(0, [...Array.from({ length: 9 }, (_, i) => record(i, 1_000_000)), record(9, 5_000_000)], at(0));
    batches.add(0, [record(10)], at(0));
    const sizes: number[] = [];
    const seen: number[] = [];
    for (let batch = batches.take(at(0)); batch !== undefined; batch = batches.take(at(0))) {
      sizes.push(Buffer.byteLength(eventText(mapping, batch.parts)));
      seen.push(...batch.parts.flatMap(({ texts }) => texts.map((text) => JSON.parse(text).offset as number)));
      batches.release(batch);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PAYLOAD_LIMIT);
    expect(sizes).toHaveLength(3);
    expect(oversized).toEqual([9]);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 10]);
  });

  it('hold every record once and in order, whatever comes when', () => {
    const step = fc.record({
      partition: fc.nat(3),
      count: fc.nat(5),
      takes: fc.nat(2),
      releases: fc.nat(2),
      time: fc.nat(300),
    });
    fc.assert(
      fc.property(
        fc.array(step),
        fc.integer({ min: 1, max: 6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, size, mixed) => {
          const batches = opened(mappingOf(size, 200), { mixed });
          const ends = [0, 0, 0, 0];
          const seen: number[][] = [[], [], [], []];
          const underWay: Batch[] = [];
          let now = 0;
          const take = (): boolean => {
            const batch = batches.take(at(now));
            if (batch === undefined) return false;
            expect(batch.records).toBeLessThanOrEqual(size);
            for (const { partition, texts } of batch.parts) {
              expect(underWay.some(({ parts }) => parts.some((part) => part.partition === partition))).toBe(false);
              seen[partition]!.push(...texts.map((text) => JSON.parse(text).offset as number));
            }
            underWay.push(batch);
            return true;
          };
          const release = () => {
            const batch = underWay.shift();
            if (batch !== undefined) batches.release(batch);
          };
          for (const { partition, count, takes, releases, time } of steps) {
            now += time;
            batches.add(
              partition,
              Array.from({ length: count }, () => record(ends[partition]!++)),
              at(now),
            );
            for (let i = 0; i < takes; i++) take();
            for (let i = 0; i < releases; i++) release();
          }
          now += 1_000;
          while (take() || underWay.length > 0) release();
          expect(seen).toEqual(ends.map((end) => Array.from({ length: end }, (_, i) => i)));
        },
      ),
    );
  });
});
