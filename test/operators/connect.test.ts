import { describe, expect, it } from 'vitest';
import {
  boundedOutOfOrderness,
  broadcastProcess,
  collection,
  connectedProcess,
  type EventTime,
  epochMillis,
  type KeyedStream,
  map,
  milliseconds,
  minutes,
  type PipelineBuilder,
  pipeline,
  reducing,
  type Stream,
  sideOutput,
  toMemory,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { TestDriver, verifyOperator } from '../../lib/testing/index.ts';
import { Harness } from './harness.ts';

interface Row {
  readonly at: number;
  readonly key: string;
  readonly n: number;
}

const row = (at: number, key: string, n: number): Row => ({ at, key, n });
const source = (p: PipelineBuilder, id: string): Stream<Row> =>
  p.source(id, collection<Row>([]), {
    eventTime: (r) => epochMillis(r.at),
    watermark: boundedOutOfOrderness(milliseconds(0)),
  });

/** Sums both sides apart, and tells the difference five milliseconds after the first record. */
const weigh = connectedProcess('weigh', {
  left: type<Row>(),
  right: type<Row>(),
  key: type<string>(),
  out: type<readonly [string, number, EventTime]>(),
  state: { weight: reducing<number>((a, b) => a + b), due: value<number>() },
  onLeft(record, ctx) {
    ctx.state.weight.add(record.n);
    start(ctx);
  },
  onRight(record, ctx) {
    ctx.state.weight.add(-record.n);
    start(ctx);
  },
  onTimer(time, { key, state, emit }) {
    emit([key, state.weight.get() ?? 0, time]);
    state.weight.clear();
    state.due.clear();
  },
});

function start(ctx: {
  readonly eventTime: EventTime;
  readonly state: { readonly due: { get(): number | undefined; set(due: number): void } };
  readonly timers: { onEventTime(time: EventTime): void };
}): void {
  if (ctx.state.due.get() !== undefined) return;
  ctx.state.due.set(ctx.eventTime + 5);
  ctx.timers.onEventTime(epochMillis(ctx.eventTime + 5));
}

describe('connected streams', () => {
  it('share state and timers of a key, whose time is the least of both inputs', async () => {
    const driver = await TestDriver.open(
      pipeline(
        'connected',
        (p) => {
          const left = source(p, 'left').keyBy('left-key', (r) => r.key);
          const right = source(p, 'right').keyBy('right-key', (r) => r.key);
          left.connect(right).process(weigh).to('out', toMemory());
        },
        { parallelism: 1 },
      ),
    );
    await driver.feed('left', [row(10, 'a', 7), row(11, 'b', 1), row(100, 'z', 1)]);
    expect(driver.read('out')).toEqual([]);
    await driver.feed('right', [row(12, 'a', 4)]);
    expect(driver.read('out')).toEqual([]);
    await driver.feed('right', [row(16, 'c', 1)]);
    expect(driver.read('out')).toEqual([['a', 3, 15]]);
    await driver.end();
    expect(driver.read('out').toSorted()).toEqual([
      ['b', 1, 16],
      ['c', -1, 21],
      ['z', 1, 105],
    ]);
    await driver.close();
  });

  it('do the same whatever happens to the batches, where the order of both is fixed', async () => {
    const records = Array.from({ length: 60 }, (_, i) => row(i * 2, `k${i % 3}`, i));
    const [out] = await verifyOperator<Row>({
      records,
      eventTime: (r) => epochMillis(r.at),
      build(stream) {
        const keyed = stream.keyBy('key', (r) => r.key);
        return keyed
          .filter((r) => r.n % 2 === 0)
          .connect(keyed.filter((r) => r.n % 2 === 1))
          .process(weigh);
      },
    });
    expect(out!.length).toBeGreaterThan(20);
  });

  it('go without a key where nothing is kept', async () => {
    const merge = connectedProcess('merge', {
      left: type<Row>(),
      right: type<string>(),
      out: type<string>(),
      onLeft: (record, ctx) => ctx.emit(`left ${record.n}`),
      onRight: (record, ctx) => ctx.emit(`right ${record}`),
    });
    const driver = await TestDriver.open(
      pipeline('keyless', (p) => {
        const right = p.source('right', collection<string>([]));
        source(p, 'left').connect(right).process(merge).to('out', toMemory());
      }),
    );
    await driver.feed('left', [row(1, 'a', 1)]);
    await driver.feed('right', ['x']);
    expect(driver.read('out')).toEqual(['left 1', 'right x']);
    await driver.close();
  });

  it('are refused without keys where keys are needed, with streams of other pipelines, and with operators of one input', () => {
    const written = (write: (p: PipelineBuilder, left: Stream<Row>) => { to(id: string, sink: never): void }) => () =>
      pipeline('wrong', (p) => write(p, source(p, 'left')).to('out', toMemory() as never));
    const loose = (stream: Stream<Row>) => stream as unknown as KeyedStream<string, Row>;
    expect(
      written((p, left) =>
        loose(left)
          .connect(loose(source(p, 'right')))
          .process(weigh),
      ),
    ).toThrow(
      /weigh: a connected-process needs records with a key; put .keyBy\(id, selector\) of the same key directly before each/,
    );
    let stranger: KeyedStream<string, Row> | undefined;
    pipeline('other', (p) => {
      stranger = source(p, 'left').keyBy('k', (r) => r.key);
      stranger.reduce('r', (a) => a).to('out', toMemory());
    });
    expect(
      written((_, left) =>
        left
          .keyBy('k', (r) => r.key)
          .connect(stranger!)
          .process(weigh),
      ),
    ).toThrow(/weigh: a stream of another pipeline is part of it/);
    const one = { id: 'one', definition: { type: 'process' } } as never;
    expect(written((p, left) => left.connect(source(p, 'right')).process(one))).toThrow(
      /one: it takes an operator of two inputs; give it connectedProcess/,
    );
  });
});

interface Rule {
  readonly name: string;
  readonly least: number;
}

const touched = sideOutput<string>('touched');

/** Tells which rules a record breaks; a rule of the least 0 takes the rule away. */
const check = broadcastProcess('check', {
  in: type<Row>(),
  rule: type<Rule>(),
  key: type<string>(),
  out: type<string>(),
  outputs: [touched],
  state: { seen: value<number>() },
  broadcastState: { rules: map<string, number>() },
  onRecord(record, { key, state, broadcast, emit }) {
    state.seen.set((state.seen.get() ?? 0) + 1);
    for (const [name, least] of broadcast.rules.entries()) if (record.n < least) emit(`${key} breaks ${name}`);
  },
  onBroadcast(rule, { broadcast, output, eachKey }) {
    if (rule.least === 0) broadcast.rules.delete(rule.name);
    else broadcast.rules.set(rule.name, rule.least);
    eachKey((key, state) => output(touched, `${rule.name}: ${key} was seen ${state.seen.get()} times`));
  },
});

describe('broadcast state', () => {
  it('is the same in every task, read by records of any key', async () => {
    const driver = await TestDriver.open(
      pipeline(
        'ruled',
        (p) => {
          const rules = p.source('rules', collection<Rule>([])).broadcast();
          const checked = p
            .source('records', collection<Row>([]))
            .keyBy('key', (r) => r.key)
            .connect(rules)
            .process(check);
          checked.to('out', toMemory());
          checked.sideOutput(touched).to('touched', toMemory());
        },
        { parallelism: 4 },
      ),
    );
    const records = ['a', 'b', 'c', 'd', 'e'].map((key) => row(0, key, 3));
    await driver.feed('records', records);
    expect(driver.read('out')).toEqual([]);
    await driver.feed('rules', [
      { name: 'high', least: 5 },
      { name: 'low', least: 2 },
    ]);
    await driver.restart();
    await driver.feed('records', records);
    expect(driver.read('out').toSorted()).toEqual(records.map(({ key }) => `${key} breaks high`));
    await driver.feed('rules', [{ name: 'high', least: 0 }]);
    await driver.feed('records', records);
    expect(driver.read('out')).toEqual([]);
    const said = driver.all<string>('touched');
    expect(said.filter((text) => text.startsWith('high')).toSorted()).toEqual(
      records.flatMap(({ key }) => [`high: ${key} was seen 1 times`, `high: ${key} was seen 2 times`]),
    );
    await driver.close();
  });

  it('cannot be written where records are handled, and its handler has no key', () => {
    const naughty = broadcastProcess('naughty', {
      in: type<Row>(),
      rule: type<Rule>(),
      broadcastState: { rules: map<string, number>() },
      onRecord: (_, ctx) => (ctx.broadcast.rules as unknown as { set(a: string, b: number): void }).set('a', 1),
      onBroadcast: () => {},
    });
    const harness = new Harness(naughty.definition);
    expect(() => harness.record(row(0, 'a', 1), 0)).toThrow('the broadcast state rules can only be read here');
    expect(naughty.definition).toMatchObject({ inputs: ['any', 'broadcast'], needsKey: false, stateful: true });
  });

  it('goes to keys in their order, whatever the order in which they came, and is undone with its record', () => {
    const harness = new Harness(check.definition);
    for (const key of ['c', 'a', 'b']) harness.record(row(0, key, 1), 0, key);
    const moment = harness.mark();
    harness.record({ name: 'x', least: 9 }, 0, undefined, 1);
    harness.rollback(moment);
    harness.record(row(0, 'a', 1), 0, 'a');
    expect(harness.values()).toEqual([]);
    harness.record({ name: 'x', least: 9 }, 0, undefined, 1);
    expect(harness.values('touched')).toEqual([
      'x: a was seen 2 times',
      'x: b was seen 1 times',
      'x: c was seen 1 times',
    ]);
    expect(harness.emitted('touched')[0]?.key).toBeUndefined();
  });

  it('expires by the time of what is handled', () => {
    const aging = broadcastProcess('aging', {
      in: type<Row>(),
      rule: type<Rule>(),
      key: type<string>(),
      out: type<number>(),
      broadcastState: { rules: map<string, number>({ ttl: milliseconds(10) }) },
      onRecord(_, { broadcast, emit, timers, eventTime }) {
        emit(broadcast.rules.entries().length);
        timers.onEventTime(epochMillis(eventTime + 2));
      },
      onBroadcast: (rule, { broadcast }) => broadcast.rules.set(rule.name, rule.least),
      onTimer: (time, { broadcast, emit }) => emit(time * 100 + broadcast.rules.entries().length),
    });
    const harness = new Harness(aging.definition).advance(0);
    harness
      .record({ name: 'x', least: 9 }, 5, undefined, 1)
      .record(row(7, 'k', 1), 7, 'k')
      .advance(100);
    harness.record(row(101, 'k', 1), 101, 'k');
    expect(harness.values()).toEqual([1, 901, 0]);
    expect(aging.definition).toMatchObject({ eventTime: true });
  });

  it('can be followed by windows, whose time waits for both inputs', async () => {
    const driver = await TestDriver.open(
      pipeline('behind', (p) => {
        const rules = p
          .source('rules', collection<Rule & { at: number }>([]), {
            eventTime: (r) => epochMillis(r.at),
            watermark: boundedOutOfOrderness(milliseconds(0)),
          })
          .broadcast();
        source(p, 'records')
          .keyBy('key', (r) => r.key)
          .connect(rules)
          .process(check)
          .keyBy('text', (text) => text)
          .window(tumbling(minutes(1)))
          .process('w', (key, { end }, all) => ({ key, end, n: all.length }))
          .to('out', toMemory());
      }),
    );
    await driver.feed('rules', [{ name: 'high', least: 5, at: 0 }]);
    await driver.feed('records', [row(1, 'a', 1), row(2, 'a', 2), row(70_000, 'a', 9)]);
    expect(driver.read('out')).toEqual([]);
    await driver.feed('rules', [{ name: 'none', least: 1, at: 70_000 }]);
    expect(driver.read('out')).toEqual([{ key: 'a breaks high', end: 60_000, n: 2 }]);
    await driver.close();
  });
});
