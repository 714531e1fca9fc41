import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  fixedDelay,
  milliseconds,
  noRestart,
  type PipelineOptions,
  pipeline,
  seconds,
  sum,
  toMemory,
  type,
} from '../../lib/index.ts';
import { process, value } from '../../lib/operators/index.ts';
import { TestDriver } from '../../lib/testing/index.ts';

interface Reading {
  readonly at: number;
  readonly key: string;
  readonly n: number;
}

const reading = (at: number, key: string, n: number): Reading => ({ at, key, n });

/** Sums by key, throwing for negative numbers; `tries` counts how often such a one was met. */
function summing(options: PipelineOptions, tries: { n: number } = { n: 0 }) {
  return pipeline(
    'summing',
    (p) => {
      p.source('in', collection<Reading>([]), {
        eventTime: (r) => epochMillis(r.at),
        watermark: boundedOutOfOrderness(seconds(1)),
      })
        .keyBy('by-key', (r) => r.key)
        .aggregate('sums', {
          n: count(),
          total: sum((r) => {
            if (r.n >= 0) return r.n;
            tries.n++;
            throw new Error(`negative: ${r.n}`);
          }),
        })
        .to('out', toMemory());
    },
    { parallelism: 2, ...options },
  );
}

describe('the test driver', () => {
  it('runs a pipeline on what it is fed', async () => {
    const driver = await TestDriver.open(summing({}));
    await driver.feed('in', [reading(1, 'a', 1), reading(2, 'b', 2), reading(3, 'a', 3)]);
    expect(driver.read('out')).toEqual(expect.arrayContaining([{ key: 'a', n: 2, total: 4 }]));
    expect(driver.read('out')).toEqual([]);
    await driver.close();
  });

  it('13: puts a record that is given up among the dead letters, and keeps what its neighbours did', async () => {
    const tries = { n: 0 };
    const driver = await TestDriver.open(summing({ restart: noRestart(), fallback: 'dead-letter' }, tries));
    await driver.feed('in', [
      reading(1, 'a', 1),
      reading(2, 'a', -2),
      reading(3, 'a', 3),
      reading(4, 'a', -4),
      reading(5, 'a', 5),
    ]);
    expect(driver.all('out')).toEqual([
      { key: 'a', n: 1, total: 1 },
      { key: 'a', n: 2, total: 4 },
      { key: 'a', n: 3, total: 9 },
    ]);
    const letters = await driver.deadLetters();
    expect(
      letters.map(({ operator, value, attempts, error }) => ({ operator, value, attempts, message: error.message })),
    ).toEqual([
      { operator: 'sums', value: reading(2, 'a', -2), attempts: 1, message: 'negative: -2' },
      { operator: 'sums', value: reading(4, 'a', -4), attempts: 1, message: 'negative: -4' },
    ]);
    await driver.close();
  });

  it('tries a record again after the delay of its strategy, then gives it up with the number of attempts', async () => {
    const driver = await TestDriver.open(
      summing({ restart: fixedDelay(2, milliseconds(100)), fallback: 'dead-letter' }),
    );
    await driver.feed('in', [reading(1, 'a', 1), reading(2, 'a', -2), reading(3, 'a', 3)]);
    expect(driver.all('out')).toEqual([]);
    await driver.advance(milliseconds(100));
    expect(await driver.deadLetters()).toEqual([]);
    await driver.restart();
    await driver.advance(milliseconds(100));
    expect((await driver.deadLetters()).map((letter) => letter.attempts)).toEqual([3]);
    expect(driver.all('out').at(-1)).toEqual({ key: 'a', n: 2, total: 4 });
    await driver.close();
  });

  it('does not end without a word while a task waits to try again', async () => {
    const driver = await TestDriver.open(summing({ restart: fixedDelay(1, milliseconds(100)), fallback: 'skip' }));
    await driver.feed('in', [reading(2, 'a', -2), reading(3, 'a', 3)]);
    const waiting = /^sums\/\d has not ended: it tries again in 100 ms what has failed: negative: -2$/;
    await expect(driver.end()).rejects.toThrow(waiting);
    await driver.advance(milliseconds(100));
    await driver.end();
    expect(driver.all('out')).toEqual([{ key: 'a', n: 1, total: 3 }]);
    await driver.close();
  });

  it('replays dead letters, of operators and of sources, each once', async () => {
    const mended = { source: false, sums: false };
    const built = pipeline(
      'mending',
      (p) => {
        p.source('in', collection<Reading>([]), { eventTime: (r) => epochMillis(r.at) })
          .map('check', (r) => {
            if (r.n === 2 && !mended.source) throw new Error('not yet');
            return r;
          })
          .keyBy('by-key', (r) => r.key)
          .aggregate('sums', { total: sum((r) => (r.n === 3 && !mended.sums ? Number.NaN : r.n)) })
          .to('out', toMemory());
      },
      { restart: noRestart(), fallback: 'dead-letter', parallelism: 2 },
    );
    const driver = await TestDriver.open(built);
    await driver.feed('in', [reading(1, 'a', 1), reading(2, 'a', 2), reading(3, 'a', 3), reading(4, 'a', 4)]);
    expect(driver.all('out').at(-1)).toEqual({ key: 'a', total: 5 });
    expect((await driver.deadLetters()).map(({ operator, kind }) => `${operator} ${kind}`).sort()).toEqual([
      'check row',
      'sums record',
    ]);
    mended.source = true;
    mended.sums = true;
    await driver.replayDeadLetters();
    expect(await driver.deadLetters()).toEqual([]);
    await driver.restart();
    await driver.feed('in', [reading(5, 'a', 5)]);
    expect(driver.all('out').at(-1)).toEqual({ key: 'a', total: 15 });
    await driver.end();
    await driver.close();
  });

  it('stops a task whose restarts are used up, and says why', async () => {
    const driver = await TestDriver.open(summing({ restart: noRestart() }));
    await expect(driver.feed('in', [reading(1, 'a', 1), reading(2, 'a', -2)])).rejects.toMatchObject({
      kind: 'operator-failed',
      message: 'negative: -2',
      where: { operator: 'sums' },
    });
    await driver.close();
  });

  it('fires event-time timers when time is said to have come, and processing-time timers when the clock is moved', async () => {
    const silence = process('silence', {
      in: type<Reading>(),
      key: type<string>(),
      out: type<string>(),
      state: { last: value<number>() },
      onRecord(record, ctx) {
        ctx.state.last.set(record.n);
        ctx.timers.onEventTime(epochMillis(record.at + 10_000));
        ctx.timers.onProcessingTime((ctx.processingTime + 5_000) as never);
      },
      onTimer(time, ctx) {
        ctx.emit(`event ${ctx.key} ${time} ${ctx.state.last.get()}`);
      },
      onProcessingTimer(_time, ctx) {
        ctx.emit(`processing ${ctx.key}`);
      },
    });
    const built = pipeline('timers', (p) => {
      p.source('in', collection<Reading>([]), { eventTime: (r) => epochMillis(r.at) })
        .keyBy('by-key', (r) => r.key)
        .process(silence)
        .to('out', toMemory());
    });
    const driver = await TestDriver.open(built);
    await driver.feed('in', [reading(1_000, 'a', 7)]);
    expect(driver.timers().map(({ operator, domain, time }) => ({ operator, domain, time }))).toContainEqual({
      operator: 'silence',
      domain: 'event',
      time: 11_000,
    });
    expect(driver.state('silence', 'last', 'a').map((cell) => cell.value)).toEqual([7]);
    await driver.watermark('in', epochMillis(10_999));
    expect(driver.read('out')).toEqual([]);
    await driver.restart();
    await driver.watermark('in', epochMillis(11_000));
    expect(driver.read('out')).toEqual(['event a 11000 7']);
    await driver.advance(seconds(5));
    expect(driver.read('out')).toEqual(['processing a']);
    await driver.close();
  });
});

describe('a sink of several tasks', () => {
  it('is read each record once', async () => {
    const built = pipeline(
      'several',
      (p) => {
        p.source('in', collection<number>([]))
          .keyBy('by-self', (n) => n)
          .reduce('same', (_, n) => n)
          .to('out', toMemory());
      },
      { parallelism: 4 },
    );
    const driver = await TestDriver.open(built);
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    for (const half of [numbers.filter((n) => n % 3 === 0), numbers.filter((n) => n % 3 !== 0)]) {
      await driver.feed('in', half);
      expect(driver.read<number>('out').sort((a, b) => a - b)).toEqual(half);
    }
    expect(driver.read('out')).toEqual([]);
    await driver.close();
  });
});
