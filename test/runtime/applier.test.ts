import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  after,
  boundedOutOfOrderness,
  collection,
  count,
  type Duration,
  epochMillis,
  exponentialDelay,
  map,
  milliseconds,
  noRestart,
  type PipelineOptions,
  pipeline,
  seconds,
  sideOutput,
  toMemory,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { ALL, MIN_TIME, type Position } from '../../lib/model/index.ts';
import { process } from '../../lib/operators/index.ts';
import type { Claims, Message } from '../../lib/protocol/index.ts';
import { TestDriver } from '../../lib/testing/index.ts';
import { type FrameParts, frameOf, framesIn, opened, type Row, taskOf, testPorts } from './stage.ts';

interface Probe {
  readonly key: string;
  /** Event-time timers to set. */
  readonly timers?: readonly number[];
  /** A processing-time timer, so long after the time of the record. */
  readonly wait?: number;
}

/** Says what happens to it, and what time it was. */
const probing = process('probe', {
  in: type<Probe>(),
  key: type<string>(),
  out: type<string>(),
  state: { n: value<number>() },
  onRecord(record, ctx) {
    ctx.emit(`${ctx.key}@${time(ctx.watermark)}/${ctx.processingTime - START}`);
    for (const at of record.timers ?? []) ctx.timers.onEventTime(epochMillis(at), at % 2 === 1 ? 'odd' : undefined);
    if (record.wait !== undefined) {
      ctx.timers.onProcessingTime(after(ctx.processingTime, record.wait as Duration));
    }
  },
  onTimer(at, ctx, name) {
    ctx.emit(`${ctx.key}:${at}${name ?? ''}@${time(ctx.watermark)}`);
    if (at === 40) ctx.timers.onEventTime(epochMillis(41));
  },
  onProcessingTimer(at, ctx) {
    ctx.emit(`${ctx.key}~${at - START}/${ctx.processingTime - START}`);
  },
});

const START = testPorts().clock.now();
const time = (watermark: number) => (watermark === MIN_TIME ? '-' : watermark);

/** A task of the probe alone, with what is put before it by hand. */
async function probe(channels = 1) {
  const out = toMemory<string>();
  const built = pipeline(
    'probing',
    (p) => {
      p.source('in', collection({ partitions: Array.from({ length: channels }, () => [] as Probe[]) }), {
        eventTime: () => epochMillis(0),
      })
        .keyBy('by-key', (r) => r.key)
        .process(probing)
        .to('out', out);
    },
    { parallelism: 1 },
  );
  const ports = testPorts();
  const run = await opened(built, ports);
  const task = taskOf(run, 'probe');
  const append = (message: Message) => ports.log.append([{ topic: 'probing.probe', partition: 0, message }]);
  const last = new Map<number, Position>();
  const frame = (probes: readonly Probe[], parts: FrameParts & { cause: number }) => {
    const { task: channel = 0, cause } = parts;
    const rows = probes.map((p, k): Row => ({ value: p, key: p.key, time: 0, cause, k }));
    const prev = last.get(channel);
    const thru = { cause, k: ALL };
    last.set(channel, thru);
    return append(frameOf('in--probe', rows, { channels, thru, ...(prev === undefined ? {} : { prev }), ...parts }));
  };
  return { out, ports, task, append, frame };
}

describe('event-time timers', () => {
  const keys = ['b', 'a'];

  it('10: fire at the step that moved them, in the order of time, key and name, and never once for the batch', async () => {
    const { frame, task, out } = await probe();
    const probes = keys.map((key): Probe => ({ key, timers: [30, 11, 10, 20] }));
    await frame([...probes, { key: 'c' }, { key: 'd' }], { cause: 0, steps: [0, 5, 2, 15, 3, 25, 4, 28] });
    await frame([{ key: 'e' }], { cause: 1, steps: [1, 99] });
    await task.ring();
    expect(out.records).toEqual([
      ...['b@5/0', 'a@5/0'],
      ...['a:10@15', 'b:10@15', 'a:11odd@15', 'b:11odd@15'],
      ...['c@15/0', 'a:20@25', 'b:20@25', 'd@25/0'],
      ...['e@28/0', 'a:30@99', 'b:30@99'],
    ]);
  });

  it('10: set while others fire, fire with them if they are due', async () => {
    const { frame, task, out } = await probe();
    await frame([{ key: 'a', timers: [40, 42] }], { cause: 0, steps: [0, 1, 1, 50] });
    await task.ring();
    expect(out.records).toEqual(['a@1/0', 'a:40@50', 'a:41@50', 'a:42@50']);
  });

  it('10: fire the same however frames lie in batches and whatever is forgotten in between', async () => {
    const probes = fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        timers: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 3 }),
      }),
      { maxLength: 3 },
    );
    const frames = fc.array(fc.record({ probes, step: fc.integer({ min: 1, max: 20 }) }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(frames, fc.array(fc.constantFrom('no', 'ring', 'forget')), async (frames, cuts) => {
        const results: (readonly string[])[] = [];
        for (const cut of [false, true]) {
          const { frame, task, out } = await probe();
          let watermark = 0;
          for (const [cause, { probes, step }] of frames.entries()) {
            watermark += step;
            await frame(probes, { cause, steps: [Math.min(1, probes.length), watermark] });
            if (cut && (cuts[cause] ?? 'no') !== 'no') await task.ring();
            if (cut && cuts[cause] === 'forget') await task.forget();
          }
          await task.ring();
          results.push([...out.records]);
        }
        expect(results[1]).toEqual(results[0]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('processing time', () => {
  it('is when the log took a message in, however late it is read', async () => {
    const { frame, task, out, ports } = await probe();
    await frame([{ key: 'a', wait: 10 }], { cause: 0 });
    ports.clock.advance(milliseconds(7));
    await frame([{ key: 'b' }], { cause: 1 });
    ports.clock.advance(milliseconds(8));
    await frame([{ key: 'c' }], { cause: 2 });
    ports.clock.advance(seconds(100));
    await task.ring();
    expect(out.records).toEqual(['a@-/0', 'b@-/7', 'a~10/15', 'c@-/15']);
  });

  it('goes on by ticks of this run, and by no others', async () => {
    const { frame, append, task, out } = await probe();
    await frame([{ key: 'a', wait: 10 }], { cause: 0 });
    await append({ kind: 'tick', run: 'another', time: START + 50 });
    await task.ring();
    expect(out.records).toEqual(['a@-/0']);
    await append({ kind: 'tick', run: 'run', time: START + 20 });
    await task.ring();
    expect(out.records).toEqual(['a@-/0', 'a~10/20']);
  });

  it('goes no further than what is committed, if a later message has to wait', async () => {
    const { frame, task, ports } = await probe();
    await frame([{ key: 'a' }], { cause: 0 });
    ports.clock.advance(seconds(9));
    await frame([{ key: 'b', timers: [0.5] }], { cause: 1 });
    expect(await task.ring()).toMatchObject({ kind: 'waiting' });
    expect(await ports.commits.head('run', task.id)).toMatchObject({ nextOffset: 1, processingTime: START });
  });

  it('holds the end of input back until its timers have fired, so that what they emit is not late', async () => {
    const waiting = process('waiting', {
      in: type<number>(),
      key: type<number>(),
      out: type<number>(),
      onRecord: (_, ctx) => ctx.timers.onProcessingTime(after(ctx.processingTime, seconds(30))),
      onProcessingTimer: (at, ctx) => ctx.emit(at),
    });
    const built = pipeline('ending', (p) => {
      p.source('in', collection<number>([]), { eventTime: (n) => epochMillis(n) })
        .keyBy('by-number', (n) => n)
        .process(waiting)
        .keyBy('all', () => 'all')
        .window(tumbling(seconds(10)))
        .aggregate('counts', { n: count() })
        .to('out', toMemory());
    });
    const driver = await TestDriver.open(built);
    await driver.feed('in', [1, 2, 3]);
    await driver.end();
    expect(driver.all('out')).toEqual([]);
    await driver.advance(seconds(30));
    expect(driver.all('out')).toMatchObject([{ n: 3 }]);
    expect(driver.counted('counts', 'late')).toBe(0);
    await driver.close();
  });

  it('in a source’s own stage is when its log took the record in', async () => {
    const stamp = process('stamp', {
      in: type<number>(),
      out: type<number>(),
      onRecord: (_, ctx) => ctx.emit(ctx.processingTime - START),
    });
    const built = pipeline('stamps', (p) => {
      p.source('in', collection<number>([])).process(stamp).to('out', toMemory());
    });
    const driver = await TestDriver.open(built);
    await driver.feed('in', [1]);
    driver.clock.advance(seconds(3));
    await driver.feed('in', [2]);
    expect(driver.all('out')).toEqual([0, 3_000]);
    await driver.close();
  });
});

describe('random numbers', () => {
  it('differ from call to call and from record to record, and are the same at every replay', async () => {
    const drawing = process('drawing', {
      in: type<number>(),
      out: type<number>(),
      onRecord(_, ctx) {
        for (let i = 0; i < 3; i++) ctx.emit(ctx.random());
      },
    });
    const draw = async (batch: number): Promise<number[]> => {
      const built = pipeline('drawing', (p) => {
        p.source('in', collection<number>([])).process(drawing).to('out', toMemory());
      });
      const driver = await TestDriver.open(built, { batch });
      await driver.feed('in', [1, 1, 1, 1]);
      const found = driver.all<number>('out');
      await driver.close();
      return found;
    };
    const found = await draw(4);
    expect(new Set(found).size).toBe(12);
    expect(found.every((n) => n >= 0 && n < 1)).toBe(true);
    expect(await draw(1)).toEqual(found);
  });

  it('differ between the timers of two operators', async () => {
    const drawn = (id: string) =>
      process(id, {
        in: type<string>(),
        key: type<string>(),
        out: type<number>(),
        onRecord: (_, ctx) => ctx.timers.onEventTime(epochMillis(5)),
        onTimer: (_, ctx) => ctx.emit(ctx.random()),
      });
    const built = pipeline('drawing', (p) => {
      const keyed = p
        .source('in', collection<string>([]), { eventTime: () => epochMillis(0) })
        .keyBy('k', (key) => key);
      for (const id of ['one', 'two']) keyed.process(drawn(id)).to(`out-${id}`, toMemory());
    });
    const driver = await TestDriver.open(built);
    await driver.feed('in', ['a', 'b']);
    await driver.end();
    expect(new Set([...driver.all('out-one'), ...driver.all('out-two')]).size).toBe(4);
    await driver.close();
  });
});

describe('messages that are none of this task’s business', () => {
  it('change nothing: frames, claims and barriers of another run', async () => {
    const { frame, append, task, out } = await probe();
    await frame([{ key: 'x' }], { cause: 0, run: 'another', steps: [0, 500] });
    await append(claims(5, NOTHING_SAID, 'another'));
    await append({ kind: 'barrier', run: 'another', epoch: 9, code: '' });
    expect(await task.ring()).toMatchObject({ kind: 'advanced', nextOffset: 3 });
    expect(out.records).toEqual([]);
    expect(task.state).toMatchObject({ watermark: MIN_TIME, epoch: 0 });
  });

  it('11: a barrier that comes again, or late, switches nothing', async () => {
    const { append, task } = await probe();
    for (const epoch of [0, 2, 1, 2]) await append({ kind: 'barrier', run: 'run', epoch, code: '' });
    await task.ring();
    expect(task.state).toMatchObject({ epoch: 2, nextOffset: 2 });
    expect(await task.ring()).toEqual({ kind: 'other-code', epoch: 2 });
  });
});

const NOTHING_SAID: Position = { cause: -1, k: ALL };

const claims = (watermark: number, prev: Position, run = 'run', task = 0): Claims => ({
  kind: 'claims',
  run,
  time: START,
  edges: [],
  list: [{ channel: { edge: 'in--probe', task }, prev, upTo: prev.cause + 1, watermark, silentSince: START }],
});

describe('claims', () => {
  it('8: move time if all was seen that came before, and are void if not, without being an error', async () => {
    const { frame, append, task, out } = await probe();
    await frame([{ key: 'a', timers: [10, 20] }], { cause: 0, steps: [0, 1] });
    await append(claims(15, { cause: 3, k: ALL }));
    await task.ring();
    expect(out.records).toEqual(['a@1/0']);
    await append(claims(12, { cause: 0, k: ALL }));
    await append(claims(12, { cause: 0, k: ALL }));
    await append(claims(11, { cause: 0, k: ALL }));
    await task.ring();
    expect(out.records).toEqual(['a@1/0', 'a:10@12']);
    await frame([{ key: 'b' }], { cause: 3, steps: [1, 16] });
    await append(claims(20, { cause: 3, k: ALL }));
    await task.ring();
    expect(out.records.slice(2)).toEqual(['b@12/0', 'a:20@20']);
  });

  it('8: what they move is passed on however little it is, where else a second must go by', async () => {
    const ports = testPorts();
    const built = pipeline(
      'passing',
      (p) => {
        p.source('in', collection<Probe>([]), { eventTime: () => epochMillis(0) })
          .keyBy('by-key', (r) => r.key)
          .reduce('last', (_, b) => b)
          .keyBy('again', (r) => r.key)
          .process(probing)
          .to('out', toMemory());
      },
      { parallelism: 1 },
    );
    const task = taskOf(await opened(built, ports), 'last');
    const append = (message: Message) => ports.log.append([{ topic: 'passing.last', partition: 0, message }]);
    const said = async (): Promise<readonly (readonly number[])[]> => {
      await task.ring();
      return (await framesIn(ports, 'passing.probe')).map((frame) => frame.steps);
    };
    const edge = 'in--last';
    await append(frameOf(edge, [], { thru: { cause: 0, k: ALL }, steps: [0, 1_000] }));
    expect(await said()).toEqual([[0, 1_000]]);
    const parts = { prev: { cause: 0, k: ALL }, thru: { cause: 1, k: ALL } };
    await append(frameOf(edge, [], { ...parts, steps: [0, 1_200] }));
    expect(await said()).toEqual([[0, 1_000]]);
    const claim = claims(1_300, parts.thru);
    await append({ ...claim, list: [{ ...claim.list[0]!, channel: { edge, task: 0 } }] });
    expect(await said()).toEqual([
      [0, 1_000],
      [0, 1_200, 0, 1_300],
    ]);
  });

  it('9: time is the least of all channels, and waits for those that have not spoken', async () => {
    const { frame, append, task, out } = await probe(2);
    await frame([{ key: 'a', timers: [10] }], { cause: 0, steps: [0, 50] });
    await task.ring();
    expect(task.state!.watermark).toBe(MIN_TIME);
    await frame([], { task: 1, cause: 0, steps: [0, 5] });
    await append(claims(12, { cause: 0, k: ALL }, 'run', 1));
    await append(claims(70, { cause: 0, k: ALL }));
    await task.ring();
    expect(out.records).toEqual(['a@-/0', 'a:10@12']);
    expect(task.state!.watermark).toBe(12);
  });
});

interface Reading {
  readonly at: number;
  readonly key: string;
  readonly id: number;
}

const late = sideOutput<Reading>('late');

/** Windows and state with timers; a record whose id is in `flaky` throws the first time it is met, so that its batch is done again with care. */
function windows(flaky: Set<number>, options: PipelineOptions = {}) {
  const maybe = (record: Reading): Reading => {
    if (flaky.delete(record.id)) throw new Error('once');
    return record;
  };
  const recent = process('recent', {
    in: type<Reading>(),
    key: type<string>(),
    out: type<string>(),
    state: { ids: map<number, number>() },
    onRecord(r, ctx) {
      ctx.state.ids.set(r.id, r.at);
      ctx.timers.onEventTime(epochMillis(r.at + 900));
      if (r.id % 2 === 1) maybe(r);
      ctx.emit(`${ctx.key} ${[...ctx.state.ids.keys()].join()} ${ctx.random()}`);
    },
    onTimer(at, ctx) {
      for (const [id, when] of [...ctx.state.ids.entries()]) if (when + 900 <= at) ctx.state.ids.delete(id);
    },
  });
  return pipeline(
    'windows',
    (p) => {
      const keyed = p
        .source('in', collection<Reading>([]), {
          eventTime: (r) => epochMillis(r.at),
          watermark: boundedOutOfOrderness(milliseconds(200)),
        })
        .map('look', (r) => (r.id % 2 === 0 ? maybe(r) : r))
        .keyBy('by-key', (r) => r.key);
      const counts = keyed
        .window(tumbling(seconds(1)), { late, allowedLateness: milliseconds(300) })
        .aggregate('counts', {
          n: count(),
        });
      counts.to('out-counts', toMemory());
      counts.sideOutput(late).to('out-late', toMemory());
      keyed.process(recent).to('out-recent', toMemory());
    },
    { parallelism: 2, restart: noRestart(), fallback: 'dead-letter', ...options },
  );
}

const readings = fc.array(fc.record({ at: fc.integer({ min: 0, max: 9_000 }), key: fc.constantFrom('a', 'b', 'c') }), {
  minLength: 1,
  maxLength: 25,
});

async function outcome(flaky: Set<number>, records: readonly Reading[], batch: number) {
  const driver = await TestDriver.open(windows(flaky), { batch });
  for (let i = 0; i < records.length; i += batch) await driver.feed('in', records.slice(i, i + batch));
  await driver.end();
  const found = {
    counts: driver.all('out-counts'),
    late: driver.all('out-late'),
    recent: driver.all('out-recent'),
    letters: await driver.deadLetters(),
    counted: ['late', 'refired'].map((what) => driver.counted('counts', what)),
    taken: ['look', 'counts', 'recent'].map((operator) =>
      driver.telemetry.counter('millrace.records.in', { operator }),
    ),
  };
  await driver.close();
  return found;
}

describe('a careful attempt', () => {
  it('4: comes to the same as a fast one, counts included', async () => {
    await fc.assert(
      fc.asyncProperty(readings, fc.array(fc.nat(24)), fc.integer({ min: 1, max: 9 }), async (rows, flaky, batch) => {
        const records = rows.map((row, id) => ({ ...row, id }));
        const fast = await outcome(new Set(), records, batch);
        // One in each batch, since a careful attempt does not forgive a second failure.
        const first = new Map(flaky.map((id) => [Math.floor(id / batch), id]));
        const careful = await outcome(new Set(first.values()), records, batch);
        expect(careful).toEqual(fast);
      }),
      { numRuns: 20 },
    );
  });

  it('13: gives up what keeps failing, alone: its neighbours are as if it had never come', async () => {
    const never = new Set<number>();
    never.delete = () => false;
    await fc.assert(
      fc.asyncProperty(readings, fc.uniqueArray(fc.nat(24)), async (rows, bad) => {
        const records = rows.map((row, id) => ({ ...row, id }));
        const poison = new Set(bad);
        poison.delete = (id) => poison.has(id);
        const with_ = await outcome(poison, records, 5);
        const without = await outcome(
          never,
          records.filter((r) => !poison.has(r.id)),
          5,
        );
        expect(with_.letters.map((l) => (l.value as Reading).id).sort()).toEqual(
          records
            .filter((r) => poison.has(r.id))
            .map((r) => r.id)
            .sort(),
        );
        // Only the watermark differs: a record that is given up has told the time all the same.
        const total = (found: typeof with_) => found.recent.length;
        expect(total(with_)).toBe(total(without));
      }),
      { numRuns: 15 },
    );
  });
});

describe('restarts', () => {
  it('start over for the next record once one has been given up', async () => {
    const poison = new Set([2, 6]);
    poison.delete = (id) => poison.has(id);
    const restart = exponentialDelay({ attempts: 2, initial: seconds(1), factor: 4, jitter: 0 });
    const driver = await TestDriver.open(windows(poison, { restart }), { batch: 1 });
    const source = driver.tasks.find(({ id }) => id.stage === 'in')!;
    const waits = async (): Promise<number[]> => {
      const spans: number[] = [];
      for (let result = await source.ring(); result.kind === 'waiting'; result = await source.ring()) {
        const span = result.until - driver.clock.now();
        spans.push(span);
        driver.clock.advance(span as Duration);
      }
      return spans;
    };
    const record = (id: number): Reading => ({ at: id, key: 'a', id });
    await driver.feed('in', [record(0), record(2), record(4), record(6)]);
    expect(await waits()).toEqual([1_000, 4_000]);
    await driver.settle();
    expect(await waits()).toEqual([1_000, 4_000]);
    await driver.settle();
    expect((await driver.deadLetters()).map((l) => [(l.value as Reading).id, l.attempts])).toEqual([
      [2, 3],
      [6, 3],
    ]);
    await driver.close();
  });
});
