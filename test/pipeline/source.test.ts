import { type as ark } from 'arktype';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  ascendingTimestamps,
  boundedOutOfOrderness,
  type EventTime,
  exponentialDelay,
  failureRate,
  fixedDelay,
  hours,
  minutes,
  noRestart,
  pipeline,
  type SourceOptions,
  seconds,
  type WatermarkStrategy,
  watermarkGenerator,
} from '../../lib/index.ts';
import { drain, rows } from './fake-connectors.ts';

const sourceOf = (
  options: SourceOptions<{ t: EventTime }> & { schema?: never },
  connector = rows<{ t: EventTime }>(),
) => {
  const made = pipeline('x', (p) => p.source('a', connector, options).to('s', drain()));
  return { node: made.plan.nodes[0], definition: made.sources.get('a') };
};

describe('a source', () => {
  test('has no time unless it is said, and then comes in order, each with defaults for silence and bad records', () => {
    expect(sourceOf({}).node).toMatchObject({
      hasEventTime: false,
      watermark: { kind: 'none', bound: 0 },
      idle: { policy: 'advance', after: seconds(30), drift: hours(1) },
      badRecords: 'fail',
    });
    expect(sourceOf({ eventTime: (r) => r.t }).node).toMatchObject({
      hasEventTime: true,
      watermark: { kind: 'ascending', bound: 0 },
    });
  });

  test('takes what is said', () => {
    const { node, definition } = sourceOf({
      eventTime: (r) => r.t,
      watermark: boundedOutOfOrderness(minutes(1)),
      idle: 'hold',
      idleAfter: seconds(1),
      idleDrift: seconds(2),
      badRecords: 'skip',
      maxFuture: hours(1),
      maxRecordBytes: 100,
    });
    expect(node).toMatchObject({
      watermark: { kind: 'bounded', bound: 60_000 },
      idle: { policy: 'hold', after: 1_000, drift: 2_000 },
      badRecords: 'skip',
    });
    expect(definition).toMatchObject({ maxFuture: 3_600_000, maxRecordBytes: 100 });
  });

  test.each([
    [rows({ partitions: 4 }), 4],
    [rows({ rows: [5, 5, 5] }), 3],
    [rows({ of: { kind: 'rows', options: { of: { kind: 'rows', options: { partitions: 2 } } } } }), 2],
    [rows({}), 1],
    [rows({}, false), undefined],
  ])('announces its partitions as far as the connector tells: %#', (connector, partitions) => {
    expect(sourceOf({}, connector as never).definition?.partitions).toBe(partitions);
  });
});

describe('watermarks', () => {
  const run = (strategy: WatermarkStrategy, times: readonly number[]): readonly (number | undefined)[] => {
    const state = strategy.generator.create();
    return times.map((time) => strategy.generator.onRecord(state, time as EventTime, undefined));
  };

  test('bounded: the greatest time so far less the bound and a millisecond, told when it has moved', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e12, max: 1e12 })), fc.nat(1e6), (times, bound) => {
        const told = run(boundedOutOfOrderness(bound as never), times);
        let watermark = Number.NEGATIVE_INFINITY;
        times.forEach((_, i) => {
          const greatest = Math.max(...times.slice(0, i + 1));
          const moved = greatest > Math.max(...times.slice(0, i));
          expect(told[i]).toBe(moved ? greatest - bound - 1 : undefined);
          watermark = Math.max(watermark, told[i] ?? watermark);
        });
      }),
    );
  });

  test('ascending: the same with a bound of zero', () => {
    const times = [5, 3, 9, 9, 12];
    expect(run(ascendingTimestamps(), times)).toEqual(run(boundedOutOfOrderness(0 as never), times));
  });

  test('each partition has a state of its own, which is plain data', () => {
    const { generator } = boundedOutOfOrderness(seconds(1));
    const [one, other] = [generator.create(), generator.create()];
    generator.onRecord(one, 5 as EventTime, undefined);
    const restored: unknown = JSON.parse(JSON.stringify(one));
    expect(generator.onRecord(restored, 4 as EventTime, undefined)).toBeUndefined();
    expect(generator.onRecord(other, 4 as EventTime, undefined)).toBe(-997);
  });

  test("the author's own", () => {
    const strategy = watermarkGenerator({
      create: () => ({ n: 0 }),
      onRecord: (state, time) => (++state.n % 2 === 0 ? time : undefined),
      bound: seconds(3),
    });
    expect(strategy).toMatchObject({ kind: 'custom', bound: 3_000 });
    expect(run(strategy, [1, 2, 3, 4])).toEqual([undefined, 2, undefined, 4]);
  });
});

describe('restart strategies', () => {
  test('are data, with infinity as a number that JSON has', () => {
    expect(exponentialDelay()).toEqual({
      ...{ kind: 'exponential', attempts: 3, initial: 100, max: 60_000, factor: 2, jitter: 0.1, reset: 60_000 },
    });
    expect(fixedDelay(Number.POSITIVE_INFINITY, seconds(1))).toEqual({
      ...{ kind: 'fixed', attempts: Number.MAX_SAFE_INTEGER, delay: 1_000 },
    });
    expect(failureRate({ failures: 3 })).toEqual({
      ...{ kind: 'failure-rate', failures: 3, interval: 86_400_000, delay: 1_000 },
    });
    expect(noRestart()).toEqual({ kind: 'none' });
  });
});

describe('the fingerprint of a source with a schema', () => {
  const codeOf = (schema: never) =>
    pipeline('x', (p) => p.source('a', rows(), { schema }).to('s', drain())).plan.stages[0]?.code;
  const schemas: readonly [
    name: string,
    make: (min: number) => { '~standard': { validate(value: unknown): unknown } },
  ][] = [
    ['zod', (min) => z.object({ n: z.number().min(min), list: z.array(z.string()).optional() })],
    [
      'zod, refined',
      (min) => z.object({ n: min === 1 ? z.number().refine((n) => n > 1) : z.number().refine((n) => n > 2) }),
    ],
    ['valibot', (min) => v.object({ n: v.pipe(v.number(), v.minValue(min)) })],
    ['arktype', (min) => ark({ n: `number >= ${min}` } as never) as never],
  ];

  test.each(schemas)(
    '%s: is the same for the same schema, also once it has been used, and another for another',
    (_, make) => {
      const schema = make(1);
      const before = codeOf(schema as never);
      expect(codeOf(make(1) as never)).toBe(before);
      expect(codeOf(make(2) as never)).not.toBe(before);
      schema['~standard'].validate({ n: 5 });
      schema['~standard'].validate({ n: 'x' });
      expect(codeOf(schema as never)).toBe(before);
    },
  );

  test('of a schema that refers to itself ends', () => {
    const Tree: z.ZodType = z.object({
      get children() {
        return z.array(Tree);
      },
    });
    expect(codeOf(Tree as never)).toMatch(/^[0-9a-f]{16}$/);
  });
});
