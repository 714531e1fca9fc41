import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  days,
  epochMillis,
  hours,
  MillraceError,
  milliseconds,
  pipeline,
  type SourceConnector,
  type SourceOptions,
  seconds,
  toMemory,
} from '../../lib/index.ts';
import type { WallTime } from '../../lib/model/index.ts';
import { storedLetters } from '../../lib/runtime/index.ts';
import { framesIn, opened, settle, taskOf, testPorts } from './stage.ts';

const START = testPorts().clock.now();
const HOUR = hours(1);

interface Row {
  readonly n: number;
  readonly time: number;
}

const rows = (...times: number[]): Row[] => times.map((time, n) => ({ n, time }));

/** Rows that come as they happen; with the times of their log, if it has any. */
function live(items: readonly Row[], times?: readonly number[]): SourceConnector<Row> {
  const stored = collection(items);
  return {
    ...stored,
    live: true,
    async open(host) {
      const log = await stored.open(host);
      return {
        ...log,
        read: async (partition, from, limit, cursor) => {
          const slice = await log.read(partition, from, limit, cursor);
          return times === undefined ? slice : { ...slice, times: times.slice(from, slice.next) as WallTime[] };
        },
      };
    },
  };
}

function piped(source: SourceConnector<Row>, options: SourceOptions<Row> = {}) {
  const out = toMemory<Row>();
  const built = pipeline(
    'piped',
    (p) => {
      p.source('in', source, {
        eventTime: (row) => epochMillis(row.time),
        watermark: boundedOutOfOrderness(seconds(1)),
        badRecords: 'dead-letter',
        ...options,
      })
        .rebalance('spread')
        .map('as-is', (row) => row)
        .to('out', out);
    },
    { parallelism: 1 },
  );
  return { pipeline: built, out };
}

async function outcome(source: SourceConnector<Row>, options: SourceOptions<Row> = {}, waited = 0) {
  const ports = testPorts();
  const { pipeline: built, out } = piped(source, options);
  const run = await opened(built, ports);
  ports.clock.advance(milliseconds(waited));
  await settle(run.tasks);
  const letters = (await storedLetters(ports, 'piped')).map(({ letter }) => letter);
  return { good: out.records.map(({ n }) => n), letters };
}

const refused = (letters: readonly { readonly value: unknown }[]): number[] =>
  letters.map(({ value }) => (value as Row).n);

describe('a record from far in the future', () => {
  const far = Date.UTC(2099, 0, 1);

  it('is refused by a live source unless more is said, and moves no time', async () => {
    const ports = testPorts();
    const { pipeline: built, out } = piped(live(rows(START, far, START + 1, START + days(1), START + days(1) + 1)));
    const run = await opened(built, ports, { limits: { sourceRows: 4 } });
    const task = taskOf(run, 'in');
    await task.ring();
    await task.ring();
    expect(task.state).toMatchObject({ nextOffset: 4, sourceWatermark: START + days(1) - 1_001 });
    await settle(run.tasks);
    const letters = (await storedLetters(ports, 'piped')).map(({ letter }) => letter);
    expect(refused(letters)).toEqual([1, 4]);
    expect(letters[0]?.error).toMatchObject({
      kind: 'bad-record',
      message: `the event time 2099-01-01T00:00:00.000Z lies too far in the future: the record came at ${new Date(START).toISOString()}`,
    });
    expect(out.records.map(({ n }) => n)).toEqual([0, 2, 3]);
  });

  it('is as good as any other in files and collections, unless less is said', async () => {
    const items = rows(START, far, START + 1);
    expect((await outcome(collection(items))).letters).toEqual([]);
    expect(refused((await outcome(collection(items), { maxFuture: days(36_500) })).letters)).toEqual([]);
    expect(refused((await outcome(collection(items), { maxFuture: HOUR })).letters)).toEqual([1]);
  });

  it('stops the task where the policy is to fail, again and again, also when its time has come', async () => {
    const ports = testPorts();
    const { pipeline: built, out } = piped(live(rows(START, START + days(2))), { badRecords: 'fail' });
    for (const task of ['in', 'as-is', 'in']) {
      const run = await opened(built, ports);
      await taskOf(run, task).resume();
      const end = settle(run.tasks);
      await expect(end).rejects.toMatchObject({ kind: 'bad-record', where: { source: 'in', offset: 1 } });
      ports.clock.advance(days(3));
    }
    expect(out.records).toEqual([]);
  });

  it('is judged by the time of its log where there is one, however late it is read', async () => {
    const times = [START, START + 1, START + 2, START + 3];
    const source = live(rows(START, START + HOUR + 2, START + HOUR + 2, START), times);
    const { good, letters } = await outcome(source, { maxFuture: HOUR }, days(100));
    expect(refused(letters)).toEqual([1]);
    expect(good).toEqual([0, 2, 3]);
  });

  it('does not get in by a log time that is as wrong: those of senders are no better than they', async () => {
    const { letters, good } = await outcome(live(rows(START, far, START), [START, far, START]));
    expect(refused(letters)).toEqual([1]);
    expect(good).toEqual([0, 2]);
  });

  it('is not what the first record after a long silence is', async () => {
    const { letters, good } = await outcome(live(rows(START + days(30))), {}, days(30));
    expect(letters).toEqual([]);
    expect(good).toEqual([0]);
  });
});

describe('the judgement on a record', () => {
  it('4: is the same in a second attempt, whatever the clock says by then', async () => {
    for (const moved of [hours(-5), hours(5)]) {
      const ports = testPorts();
      const { pipeline: built } = piped(live(rows(START, START + HOUR * 2, START)), { maxFuture: HOUR });
      const first = taskOf(await opened(built, ports), 'in');
      expect(await first.ring()).toMatchObject({ kind: 'advanced', nextOffset: 0, records: 0 });
      expect(ports.calls).not.toContain('append');
      ports.faults.put = () => 'before';
      await expect(first.ring()).rejects.toMatchObject({ kind: 'unavailable' });
      ports.faults.put = () => undefined;
      ports.clock.set((START + moved) as WallTime);
      await settle((await opened(built, ports, { limits: { sourceRows: 1 } })).tasks);
      expect(refused((await storedLetters(ports, 'piped')).map(({ letter }) => letter))).toEqual([1]);
    }
  });

  it('4: stands for rows that were found together, also if those behind them are found later', async () => {
    const ports = testPorts();
    const { pipeline: built } = piped(live(rows(START, START + HOUR * 2, START + HOUR * 8)), { maxFuture: HOUR });
    const step = async (sourceRows: number): Promise<number> => {
      const task = taskOf(await opened(built, ports, { limits: { sourceRows } }), 'in');
      await task.ring();
      return task.state!.nextOffset;
    };
    expect(await step(2)).toBe(0);
    ports.clock.advance(hours(5));
    expect(await step(3)).toBe(2);
    ports.clock.set((START - HOUR) as WallTime);
    await settle((await opened(built, ports)).tasks);
    expect(refused((await storedLetters(ports, 'piped')).map(({ letter }) => letter))).toEqual([1, 2]);
  });

  it('13: is never to refuse what an attempt has taken and sent, not even by a clock set back', async () => {
    const ports = testPorts();
    const { pipeline: built, out } = piped(live(rows(START, START + HOUR, START + HOUR * 3)), { maxFuture: HOUR });
    const limits = { sourceRows: 2 };
    ports.faults.put = () => (ports.calls.filter((call) => call === 'append').length > 0 ? 'before' : undefined);
    await expect(taskOf(await opened(built, ports, { limits }), 'in').ring()).rejects.toMatchObject({ retry: true });
    ports.faults.put = () => undefined;
    ports.clock.set((START - HOUR * 2) as WallTime);
    await settle((await opened(built, ports, { limits: { sourceRows: 1 } })).tasks);
    expect(out.records.map(({ n }) => n)).toEqual([0, 1]);
    expect(refused((await storedLetters(ports, 'piped')).map(({ letter }) => letter))).toEqual([2]);
  });

  it('13: is one for each record, however attempts are cut, die, and differ in their clocks', async () => {
    const fault = fc.option(fc.constantFrom('before' as const, 'after' as const), { nil: undefined, freq: 3 });
    const faults = fc.array(fault, { maxLength: 20 });
    const time = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }).map((n) => START + n * (HOUR / 10)) },
      { weight: 1, arbitrary: fc.constant(Number.NaN) },
    );
    const clocks = fc.array(fc.integer({ min: -20, max: 30 }), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(time, { minLength: 1, maxLength: 12 }),
        faults,
        faults,
        clocks,
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
        async (times, puts, appends, clocks, cuts) => {
          const ports = testPorts();
          const { pipeline: built, out } = piped(live(rows(...times)), { maxFuture: HOUR });
          ports.faults.put = () => puts.shift();
          ports.faults.append = () => appends.shift();
          let attempt = 0;
          for (let over = false; !over; attempt++) {
            ports.clock.set((START + clocks[attempt % clocks.length]! * (HOUR / 10)) as WallTime);
            const limits = { sourceRows: cuts[attempt % cuts.length]! };
            try {
              const run = await opened(built, ports, { limits });
              const task = taskOf(run, 'in');
              const result = await task.ring();
              if (!('done' in result && result.done)) continue;
              await settle(run.tasks);
              over = true;
            } catch (error) {
              if (!(error instanceof MillraceError && error.retry) || attempt > 200) throw error;
            }
          }
          const good = out.records.map(({ n }) => n);
          const letters = refused((await storedLetters(ports, 'piped')).map(({ letter }) => letter));
          const all = times.map((_, n) => n);
          expect([...good, ...letters].sort((a, b) => a - b)).toEqual(all);
          for (const n of all) {
            if (Number.isNaN(times[n]) || times[n]! > START + 4 * HOUR + HOUR) expect(letters).toContain(n);
          }
          const sent = (await framesIn(ports, 'piped.as-is')).flatMap(({ values }) => values as Row[]);
          for (const { n } of sent) expect(letters).not.toContain(n);
        },
      ),
      { numRuns: 60 },
    );
  });
});
