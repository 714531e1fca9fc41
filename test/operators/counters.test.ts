/** What authors' code counts: in every handler that has a context, by what was committed. */
import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  broadcastProcess,
  collection,
  connectedProcess,
  epochMillis,
  milliseconds,
  noRestart,
  pipeline,
  process,
  seconds,
  toMemory,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { TestDriver } from '../../lib/testing/index.ts';

const numbers = process('numbers', {
  in: type<number>(),
  out: type<number>(),
  onRecord(n, ctx) {
    ctx.count('seen');
    ctx.count('sum', n);
    if (n === 13) throw new Error('unlucky');
    ctx.emit(n);
  },
});

describe('counters of authors', () => {
  it('count what was committed, and nothing of a record that was given up', async () => {
    const driver = await TestDriver.open(
      pipeline('counting', (p) => p.source('in', collection<number>([])).process(numbers).to('out', toMemory()), {
        restart: noRestart(),
        fallback: 'skip',
      }),
    );
    await driver.feed('in', [1, 2, 13, 4]);
    expect([driver.counted('numbers', 'seen'), driver.counted('numbers', 'sum')]).toEqual([3, 7]);
    const [seen] = driver.telemetry.counters('millrace.counted.seen');
    expect(seen?.labels).toMatchObject({ pipeline: 'counting', operator: 'numbers' });
    await driver.close();
  });

  it('are the same however often the task is loaded anew and a delivery repeated', async () => {
    const driver = await TestDriver.open(
      pipeline('again', (p) => p.source('in', collection<number>([])).process(numbers).to('out', toMemory())),
      { restartAlways: true, deliverTwice: true, batch: 1 },
    );
    for (let n = 0; n < 6; n++) await driver.feed('in', [n]);
    expect([driver.counted('numbers', 'seen'), driver.counted('numbers', 'sum')]).toEqual([6, 15]);
    await driver.close();
  });

  it('are there for timers, two inputs, rules and window functions', async () => {
    const driver = await TestDriver.open(
      pipeline(
        'everywhere',
        (p) => {
          const input = p.source('in', collection<number>([]), {
            eventTime: (n) => new Date(n),
            watermark: boundedOutOfOrderness(milliseconds(0)),
          });
          const keyed = input.keyBy('parity', (n) => n % 2);
          keyed
            .process(
              process('timers', {
                key: type<number>(),
                onRecord: (n: number, ctx) => ctx.timers.onEventTime(epochMillis(n + 5)),
                onTimer: (_, ctx) => ctx.count('fired'),
              }),
            )
            .to('timers-out', toMemory());
          input
            .connect(input)
            .process(
              connectedProcess('both', {
                onLeft: (_: number, ctx) => ctx.count('left'),
                onRight: (_: number, ctx) => ctx.count('right'),
              }),
            )
            .to('both-out', toMemory());
          input
            .connect(input.broadcast())
            .process(
              broadcastProcess('ruled', {
                broadcastState: { last: value<number>() },
                onRecord: (_: number, ctx) => ctx.count('records'),
                onBroadcast: (_: number, ctx) => ctx.count('rules'),
              }),
            )
            .to('ruled-out', toMemory());
          keyed
            .window(tumbling(seconds(1)))
            .process('windows', (_key, _window, records, ctx) => void ctx.count('records', records.length))
            .to('windows-out', toMemory());
        },
        { parallelism: 1 },
      ),
    );
    await driver.feed('in', [1, 2, 3]);
    await driver.end();
    const counted = Object.entries({ timers: 'fired', both: 'left', ruled: 'records', windows: 'records' });
    expect(counted.map(([operator, what]) => driver.counted(operator, what))).toEqual([3, 3, 3, 3]);
    expect([driver.counted('both', 'right'), driver.counted('ruled', 'rules')]).toEqual([3, 3]);
    await driver.close();
  });

  it.each([
    ['two words', 1],
    ['', 1],
    ['9lives', 1],
    ['n', Number.NaN],
  ])('have a name and count by a number: %j, %d', async (name, n) => {
    const driver = await TestDriver.open(
      pipeline(
        'names',
        (p) =>
          p
            .source('in', collection<number>([]))
            .process(process('p', { in: type<number>(), onRecord: (_, ctx) => ctx.count(name, n) }))
            .to('out', toMemory()),
        { restart: noRestart(), fallback: 'dead-letter' },
      ),
    );
    await driver.feed('in', [1]);
    expect(await driver.deadLetters()).toMatchObject([{ operator: 'p' }]);
    await driver.close();
  });
});
