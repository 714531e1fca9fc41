import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  costOf,
  listPrices,
  loadsOf,
  pricesWith,
  restCost,
  restOf,
  SECONDS_A_MONTH,
  usualWorker,
  usualWorkload,
  type Workload,
  workerCost,
  workerLine,
} from '../../lib/cost/index.ts';
import {
  boundedOutOfOrderness,
  broadcastProcess,
  collection,
  count,
  epochMillis,
  map,
  minutes,
  pipeline,
  toMemory,
  tumbling,
  type,
} from '../../lib/index.ts';

interface Click {
  readonly page: string;
  readonly at: number;
}

const { plan } = pipeline(
  'clicks',
  (p) => {
    p.source('clicks', collection<Click>({ partitions: [[], []] }), {
      eventTime: (click) => epochMillis(click.at),
      watermark: boundedOutOfOrderness(minutes(1)),
    })
      .filter('good', (click) => click.page !== '')
      .keyBy('by-page', (click) => click.page)
      .window(tumbling(minutes(1)))
      .aggregate('per-minute', { clicks: count() })
      .to('out', toMemory());
  },
  { parallelism: 4 },
);
const [source, _windows] = plan.stages.map(({ id }) => id) as [string, string];
const at = (rate: number, more: Partial<Workload> = {}): Workload => ({ ...usualWorkload, rate, ...more });

describe('the load of stages', () => {
  it('counts what is broadcast once for each task', () => {
    const rule = broadcastProcess('check', {
      in: type<Click>(),
      rule: type<string>(),
      key: type<string>(),
      out: type<Click>(),
      broadcastState: { rules: map<string, number>() },
      onRecord: (click, { emit }) => emit(click),
      onBroadcast: (name, { broadcast }) => broadcast.rules.set(name, 1),
    });
    const ruled = pipeline(
      'ruled',
      (p) => {
        p.source('clicks', collection<Click>([]))
          .keyBy('by-page', (click) => click.page)
          .connect(p.source('rules', collection<string>([])).broadcast())
          .process(rule)
          .to('out', toMemory());
      },
      { parallelism: 4 },
    );
    const loads = loadsOf(ruled.plan, at(100, { rates: { rules: 10 }, partitions: 1 }));
    expect(loads.find(({ stage }) => stage === 'check')?.records).toBe(140);
    expect(loads.find(({ stage }) => stage === 'rules')?.bytesOut).toBe(40 * usualWorkload.recordBytes);
  });

  it('follows from the plan: records, deliveries that fill or wait, a commit for each partition in them', () => {
    const [first, second] = loadsOf(plan, at(1_000, { batchRecords: 100, partitions: 1, pass: { good: 0.5 } }));
    // 1,000 a second in deliveries of 100: they fill long before half a second is over.
    expect(first).toMatchObject({
      stage: source,
      records: 1_000,
      deliveries: 10,
      commits: 10,
      cells: 0,
      bytesOut: 500 * 200,
    });
    expect(second?.records).toBe(500);
    // 50 records from each commit hit all four partitions: 40 messages a second, which wait for half a second.
    expect(second?.deliveries).toBeCloseTo(40 / 21, 3);
    expect(second?.commits).toBeCloseTo((4 * 40) / 21, 1);
  });

  it('never makes more commits than messages, nor more deliveries than commits', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 1e5, noNaN: true }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 10_000 }),
        (rate, partitions, batchRecords) => {
          for (const load of loadsOf(plan, at(rate, { partitions, batchRecords }))) {
            expect(load.deliveries).toBeLessThanOrEqual(load.commits * 1.0001);
            expect(load.commits).toBeLessThanOrEqual(load.records * 1.0001);
          }
        },
      ),
    );
  });
});

describe('the cost of a load', () => {
  it('is what the formula says, worked out by hand for one stage', () => {
    const workload = at(10, {
      partitions: 1,
      window: 0.5,
      deliveryTime: 0.05,
      recordTime: 0,
      memory: 1,
      commitBytes: 1_000,
    });
    const { stages } = costOf(plan, workload, listPrices);
    // 10 a second: a delivery holds 1 + 10 * 0.5 = 6 of them.
    const calls = (10 / 6) * SECONDS_A_MONTH;
    expect(stages[0]?.lambda).toBeCloseTo(calls * (0.2e-6 + 0.05 * 0.0000133334), 6);
    expect(stages[0]?.dynamodb).toBeCloseTo(calls * 0.625e-6, 6);
    expect(stages[0]?.s3).toBeCloseTo((calls / 16) * (2 * 5e-6 + 0.4e-6), 6);
    expect(stages[0]?.kafka).toBeCloseTo(((10 * 200 * SECONDS_A_MONTH) / 1e9) * 0.01, 6);
  });

  it('sums its stages, and gives the price of a million records that come in', () => {
    const { stages, month, million, rate } = costOf(plan, at(100), listPrices);
    expect(month).toBeCloseTo(
      stages.reduce((sum, { total }) => sum + total, 0),
      9,
    );
    expect(rate).toBe(100);
    expect(million).toBeCloseTo((month / (100 * SECONDS_A_MONTH)) * 1e6, 9);
  });

  it('grows with the load, and less than the load does: fuller deliveries are cheaper', () => {
    const month = (rate: number): number => costOf(plan, at(rate), listPrices).month;
    for (const rate of [0.1, 1, 10, 100, 1_000]) {
      expect(month(rate * 2)).toBeGreaterThan(month(rate));
      expect(month(rate * 2)).toBeLessThan(2 * month(rate));
    }
  });

  it('is nothing without records', () => {
    expect(costOf(plan, at(0), listPrices)).toMatchObject({ month: 0, million: 0, rate: 0 });
  });
});

describe('the line above which a worker is cheaper', () => {
  it('has functions cheaper below it and dearer above it', () => {
    const line = workerLine(plan, at(100), listPrices) as number;
    const lambda = (scale: number): number =>
      costOf(plan, at(100 * scale), listPrices).stages.reduce((sum, stage) => sum + stage.lambda, 0);
    const worker = (scale: number): number => workerCost(plan, at(100 * scale), listPrices, usualWorker);
    expect(lambda(line * 0.98)).toBeLessThan(worker(line * 0.98));
    expect(lambda(line * 1.02)).toBeGreaterThan(worker(line * 1.02));
  });

  it('is nowhere where functions cost nothing', () => {
    const free = pricesWith({ lambda: { request: 0, gigabyteSecond: 0 } }, (path) => new Error(path));
    expect(workerLine(plan, at(100), free)).toBeUndefined();
  });
});

describe('the cost at rest', () => {
  it('is made of a round a minute', () => {
    const round = { seconds: 1, memory: 1, readUnits: 10, writeUnits: 1, gets: 0, puts: 0, rings: 0, logBytes: 1_000 };
    const rest = restOf(round, 2, { metrics: 1, alarms: 2, dashboards: 1 });
    expect(rest).toMatchObject({ calls: 43_200, seconds: 21_600, readUnits: 216_000, writeUnits: 21_600 });
    const { total, dynamodb, cloudwatch } = restCost(rest, listPrices);
    expect(dynamodb).toBeCloseTo(216_000 * 0.125e-6 + 21_600 * 0.625e-6, 9);
    expect(cloudwatch).toBeCloseTo(0.0216 * 0.5 + 0.3 + 0.2 + 3, 9);
    expect(total).toBeGreaterThan(dynamodb + cloudwatch);
  });
});

describe('other prices', () => {
  it('replace those that they name', () => {
    const prices = pricesWith({ asOf: 'mine', lambda: { request: 1 } }, (path) => new Error(path));
    expect(prices).toEqual({ ...listPrices, asOf: 'mine', lambda: { ...listPrices.lambda, request: 1 } });
  });

  it.each([
    [{ lamda: {} }, 'lamda'],
    [{ lambda: { request: '1' } }, 'lambda.request'],
    [{ lambda: { request: -1 } }, 'lambda.request'],
    [{ lambda: 3 }, 'lambda'],
    [[], ''],
  ])('are refused by the name of what is no price: %j', (over, path) => {
    expect(() => pricesWith(over, (at) => new Error(`at "${at}"`))).toThrow(`at "${path}"`);
  });
});
