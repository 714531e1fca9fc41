import { describe, expect, it } from 'vitest';
import { collection, epochMillis, noRestart, type PipelineOptions, pipeline, toMemory, type } from '../../lib/index.ts';
import { process, value } from '../../lib/operators/index.ts';
import { TestDriver } from '../../lib/testing/index.ts';

interface Row {
  readonly at: number;
  readonly key: string;
  readonly n: number;
}

const rows: Row[] = [1, 2, 3, 4].map((n) => ({ at: n * 1_000, key: 'a', n }));
const deadLetter: PipelineOptions = { restart: noRestart(), fallback: 'dead-letter', parallelism: 2 };

const remembering = (what: (row: Row) => unknown) =>
  process('remember', {
    in: type<Row>(),
    key: type<string>(),
    out: type<number>(),
    state: { last: value<unknown>() },
    onRecord(row, ctx) {
      ctx.state.last.set(what(row));
      ctx.emit(row.n);
    },
  });

function built(what: (row: Row) => unknown, options: PipelineOptions) {
  return pipeline(
    'remembering',
    (p) => {
      p.source('in', collection<Row>([]), { eventTime: (r) => epochMillis(r.at) })
        .keyBy('by-key', (r) => r.key)
        .process(remembering(what))
        .to('out', toMemory());
    },
    options,
  );
}

describe('values that cannot be kept', () => {
  it('blames a state value that cannot be encoded on its record, and keeps the rest', async () => {
    const driver = await TestDriver.open(built((r) => (r.n === 4 ? () => 1 : r.n), deadLetter));
    await driver.feed('in', rows);
    expect(driver.all('out')).toEqual([1, 2, 3]);
    const [letter, ...others] = await driver.deadLetters();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ operator: 'remember', value: rows[3] });
    expect(letter!.error.message).toMatch(/last|encod/);
    expect(driver.state('remember', 'last', 'a').map((c) => c.value)).toEqual([3]);
    await driver.close();
  });

  it('blames a record that cannot be encoded on the one that caused it', async () => {
    const p = pipeline(
      'emitting',
      (b) => {
        b.source('in', collection<Row>([]), { eventTime: (r) => epochMillis(r.at) })
          .map('make', (r) => ({ key: r.key, n: r.n, extra: r.n === 2 ? new (class Money {})() : null }))
          .keyBy('by-key', (r) => r.key)
          .filter((r) => r.n > 0)
          .to('out', toMemory());
      },
      deadLetter,
    );
    const driver = await TestDriver.open(p);
    await driver.feed('in', rows);
    expect(driver.all<{ n: number }>('out').map((r) => r.n)).toEqual([1, 3, 4]);
    expect((await driver.deadLetters()).map((l) => l.value)).toEqual([rows[1]]);
    await driver.close();
  });

  it('names the key that is none, and lets the record go where its policy says', async () => {
    const p = pipeline(
      'keyless',
      (b) => {
        b.source('in', collection<Row>([]), { eventTime: (r) => epochMillis(r.at) })
          .keyBy('by-key', (r) => (r.n === 2 ? (undefined as unknown as string) : r.key))
          .reduce('sum', (a, r) => ({ at: r.at, key: a.key, n: a.n + r.n }))
          .to('out', toMemory());
      },
      deadLetter,
    );
    const driver = await TestDriver.open(p);
    await driver.feed('in', rows);
    expect(driver.all<Row>('out').at(-1)!.n).toBe(8);
    const [letter] = await driver.deadLetters();
    expect(letter).toMatchObject({ operator: 'by-key', value: rows[1], error: { kind: 'bad-record' } });
    await driver.close();
  });

  it('refuses a promise where there must be none', async () => {
    const p = pipeline(
      'promising',
      (b) => {
        b.source('in', collection<Row>([]))
          .map('late', ((r: Row) => Promise.resolve(r)) as unknown as (r: Row) => Row)
          .to('out', toMemory());
      },
      { restart: noRestart() },
    );
    const driver = await TestDriver.open(p);
    await expect(driver.feed('in', rows)).rejects.toMatchObject({ kind: 'operator-failed', message: /promise/ });
    await driver.close();
  });
});

describe('bad records of a source', () => {
  const source = (badRecords: 'fail' | 'dead-letter' | 'skip') =>
    pipeline('bad', (b) => {
      b.source('in', collection<Row>([]), {
        badRecords,
        eventTime: (r) =>
          r.n === 2
            ? (undefined as never)
            : r.n === 3
              ? epochMillis(Number.NaN)
              : r.n === 4
                ? epochMillis(-5)
                : epochMillis(r.at),
      })
        .rebalance()
        .map((r) => r.n)
        .to('out', toMemory());
    });

  it('13: go to the dead letters, each with its reason', async () => {
    const driver = await TestDriver.open(source('dead-letter'));
    await driver.feed('in', [...rows, { at: 9_000, key: 'b', n: 5 }]);
    expect(driver.all('out').sort()).toEqual([1, 5]);
    expect((await driver.deadLetters()).map((l) => l.error.message)).toEqual([
      'the event time is missing',
      'the event time is NaN',
      'the event time -5 is not between 1970 and 9999',
    ]);
    await driver.close();
  });

  it('13: are counted when skipped', async () => {
    const driver = await TestDriver.open(source('skip'));
    await driver.feed('in', rows);
    expect(driver.all('out')).toEqual([1]);
    expect(driver.telemetry.counter('millrace.records.skipped')).toBe(3);
    await driver.close();
  });

  it('stop the task and say where, with nothing before them lost', async () => {
    const driver = await TestDriver.open(source('fail'));
    await expect(driver.feed('in', rows)).rejects.toMatchObject({
      kind: 'bad-record',
      message: 'the event time is missing',
    });
    await driver.close();
  });
});
