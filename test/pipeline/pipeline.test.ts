import { describe, expect, test } from 'vitest';
import {
  boundedOutOfOrderness,
  count,
  countWindow,
  type EventTime,
  hours,
  keepLast,
  MillraceError,
  mean,
  minutes,
  type Pipeline,
  type PipelineBuilder,
  type PlanFault,
  pipeline,
  process,
  seconds,
  session,
  sideOutput,
  sum,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { comparePlans } from '../../lib/plan/index.ts';
import { drain, rows } from './fake-connectors.ts';

interface Flight {
  readonly date: EventTime;
  readonly delay: number;
  readonly origin: string;
}

const late = sideOutput<Flight>('late');
const silent = process('silent', {
  in: type<Flight>(),
  key: type<string>(),
  out: type<string>(),
  state: { last: value<EventTime>() },
  onRecord(flight, ctx) {
    ctx.state.last.set(flight.date);
    ctx.timers.onEventTime(flight.date);
  },
  onTimer(_time, ctx) {
    ctx.emit(ctx.key);
  },
});

/** The pipeline of the README, more or less. */
const delays = (): Pipeline =>
  pipeline('delays', (p) => {
    const flights = p.source<Flight>('flights', rows({ partitions: 2 }), {
      eventTime: (f) => f.date,
      watermark: boundedOutOfOrderness(minutes(5)),
    });
    const stats = flights
      .keyBy('by-origin', (f) => f.origin)
      .window(tumbling(hours(1)), { allowedLateness: minutes(30), late })
      .aggregate('stats', { flights: count(), mean: mean((f) => f.delay) });
    stats.to('stats-out', drain({ single: true }));
    stats.sideOutput(late).to('late-out', drain());
    flights
      .keyBy('by-airport', (f) => f.origin)
      .process(silent)
      .to('alerts', drain());
  });

function failure(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const faultsIn = (build: (p: PipelineBuilder) => void): readonly string[] =>
  (failure(() => pipeline('test', build)).cause as readonly PlanFault[]).map(
    ({ operator, rule }) => `${operator}: ${rule}`,
  );

describe('a pipeline', () => {
  test('has a plan, and the code and connectors of its nodes by id', () => {
    const { name, plan, sources, operators, keys, sinks } = delays();
    expect(name).toBe('delays');
    expect(plan.stages.map(({ id, partitions, nodes }) => [id, partitions, nodes])).toEqual([
      ['flights', 2, []],
      ['stats', 8, ['stats', 'late-out']],
      ['stats-out', 1, ['stats-out']],
      ['silent', 8, ['silent', 'alerts']],
    ]);
    expect([...sources.keys()]).toEqual(['flights']);
    expect([...operators.keys()]).toEqual(['stats', 'silent']);
    expect([...keys].map(([id, key]) => [id, key({ origin: 'JFK' })])).toEqual([
      ['by-origin', 'JFK'],
      ['by-airport', 'JFK'],
    ]);
    expect([...sinks.keys()]).toEqual(['stats-out', 'late-out', 'alerts']);
  });

  test('tells the grid of its windows and their lateness to the edge that leads there, and free timers all', () => {
    const { edges } = delays().plan;
    expect(edges.map(({ id, steps }) => [id, steps])).toEqual([
      ['flights--stats', minutes(30)],
      ['stats--stats-out', 'none'],
      ['flights--silent', 'every'],
    ]);
  });

  test('written the same has the same plan', () => {
    expect(delays().plan).toEqual(delays().plan);
  });

  test('can be written by the same function again and again, each for itself', () => {
    const build = (p: PipelineBuilder): void => p.source('a', rows()).to('s', drain());
    expect(pipeline('one', build).plan.nodes).toEqual(pipeline('two', build).plan.nodes);
  });

  test('has options of its own, and operators may have others', () => {
    const { plan } = pipeline(
      'x',
      (p) => {
        p.source<Flight>('a', rows())
          .map((f) => f, { fallback: 'skip', deterministic: false })
          .keyBy('k', (f) => f.origin, { parallelism: 3 })
          .reduce('r', (a) => a, { restart: { kind: 'none' } })
          .to('s', drain());
      },
      { fallback: 'dead-letter', parallelism: 5 },
    );
    expect(plan.faults.fallback).toBe('dead-letter');
    expect(plan.stages.map((stage) => [stage.partitions, stage.journaled])).toEqual([
      [1, true],
      [3, false],
    ]);
    expect(plan.nodes.map((node) => (node.kind === 'operator' ? node.faults : undefined))).toEqual([
      undefined,
      { restart: plan.faults.restart, fallback: 'skip' },
      undefined,
      { restart: { kind: 'none' }, fallback: 'dead-letter' },
      undefined,
    ]);
  });

  test('unfused has a stage for every operator', () => {
    const write = (p: PipelineBuilder): void =>
      p
        .source<Flight>('a', rows())
        .map((f) => f)
        .filter(() => true)
        .to('s', drain());
    expect(pipeline('x', write).plan.stages).toHaveLength(1);
    expect(pipeline('x', write, { fusing: 'none' }).plan.stages.map((stage) => stage.id)).toEqual(['a', 'map-1', 's']);
  });

  test('does not take an author who promises the rest', () => {
    const error = failure(() => pipeline('x', async (p) => p.source('a', rows()).to('s', drain())));
    expect(error).toMatchObject({ kind: 'invalid-pipeline', where: { pipeline: 'x' } });
    expect(error.hint).toContain('await');
  });

  test('is complete once it is made', () => {
    let kept: ReturnType<PipelineBuilder['source']> | undefined;
    pipeline('x', (p) => {
      kept = p.source('a', rows());
      kept.to('s', drain());
    });
    expect(failure(() => kept?.to('t', drain())).message).toBe('pipeline x is complete and takes no more operators');
  });

  test('leaves the connectors of the author as they are, though its plan is frozen', () => {
    const connector = rows({ deep: { n: 1 } });
    const { plan } = pipeline('x', (p) => p.source('a', connector).to('s', drain()));
    expect(Object.isFrozen(plan.nodes[0])).toBe(true);
    expect(Object.isFrozen(connector.options)).toBe(false);
  });
});

describe('mistakes', () => {
  test('are all told at once, those of windows and sources with those of the graph', () => {
    const faults = faultsIn((p) => {
      const a = p.source<Flight>('a', rows(), { maxRecordBytes: 0, idleAfter: seconds(-1) });
      const keyed = a.keyBy('k', (f) => f.origin);
      keyed
        .window(tumbling(hours(0)))
        .aggregate('w', { n: count() })
        .to('s', drain());
      keyed
        .window(session(minutes(1)))
        .aggregate('v', { key: count() }, {})
        .to('s', drain());
      a.map(async () => 1);
    });
    expect([...new Set(faults.map((fault) => fault.split(':')[0]))]).toEqual(['a', 'w', 'v', 's', 'map-1']);
    expect(faults).toContain("w: a window's size must be a positive whole number of milliseconds, not 0");
    expect(faults).toContain('v: it works by event time, but no event time or watermark comes from a');
    expect(faults).toContain('s: the id is used more than once, here by a sink');
  });

  test('a window without a key', () => {
    const faults = faultsIn((p) => {
      const stream = p.source<Flight>('a', rows(), { eventTime: (f) => f.date }) as never as ReturnType<
        ReturnType<PipelineBuilder['source']>['keyBy']
      >;
      stream
        .window(tumbling(hours(1)))
        .aggregate('w', { n: count() })
        .to('s', drain());
    });
    expect(faults).toEqual(['w: a window needs records with a key']);
  });

  test('late data that is read but not asked for', () => {
    const faults = faultsIn((p) => {
      const stats = p
        .source<Flight>('a', rows(), { eventTime: (f) => f.date })
        .keyBy('k', (f) => f.origin)
        .window(tumbling(hours(1)))
        .aggregate('w', { n: count() });
      stats.to('s', drain());
      stats.sideOutput(late).to('t', drain());
    });
    expect(faults).toEqual([`w: its side output 'late' is read, but it has no side outputs`]);
  });

  test.each([
    [
      'map',
      (p: PipelineBuilder) =>
        p
          .source('a', rows())
          .map(5 as never)
          .to('s', drain()),
      'map-1: map takes a function, not number',
    ],
    [
      'keyBy',
      (p: PipelineBuilder) =>
        p
          .source('a', rows())
          .keyBy('k', 'x' as never)
          .to('s', drain()),
      'k: keyBy takes a function, not string',
    ],
    [
      'schema',
      (p: PipelineBuilder) => p.source('a', rows(), { schema: {} as never }).to('s', drain()),
      'a: its schema is no Standard Schema',
    ],
    [
      'eventTime',
      (p: PipelineBuilder) => p.source('a', rows(), { eventTime: 'date' as never }).to('s', drain()),
      'a: its eventTime is no function',
    ],
    [
      'idle',
      (p: PipelineBuilder) => p.source('a', rows(), { idle: 'never' as never }).to('s', drain()),
      `a: its idle policy is 'never'`,
    ],
    [
      'badRecords',
      (p: PipelineBuilder) => p.source('a', rows(), { badRecords: 'drop' as never }).to('s', drain()),
      `a: its policy for bad records is 'drop'`,
    ],
    [
      'maxFuture',
      (p: PipelineBuilder) => p.source('a', rows(), { maxFuture: hours(-1) }).to('s', drain()),
      'a: its maxFuture is -3600000 ms',
    ],
    [
      'fallback',
      (p: PipelineBuilder) =>
        p
          .source('a', rows())
          .map((r) => r, { fallback: 'retry' as never })
          .to('s', drain()),
      `map-1: the fallback is 'retry'`,
    ],
  ])('of %s that types would have caught', (_, build, fault) => {
    expect(faultsIn(build)).toEqual([fault]);
  });

  test('a stream of another pipeline in a union', () => {
    let stranger: ReturnType<PipelineBuilder['source']> | undefined;
    pipeline('x', (p) => {
      stranger = p.source('a', rows());
      stranger.to('s', drain());
    });
    const faults = faultsIn((p) =>
      p
        .source('a', rows())
        .union(stranger as never)
        .to('s', drain()),
    );
    expect(faults).toEqual(['union-1: a stream of another pipeline is part of it']);
  });

  test('process with something else than a process operator', () => {
    const build = (p: PipelineBuilder) =>
      p
        .source('a', rows())
        .process({} as never)
        .to('s', drain());
    expect(failure(() => pipeline('x', build))).toMatchObject({ kind: 'invalid-pipeline' });
  });
});

describe('streams', () => {
  const nodesOf = (build: (p: PipelineBuilder) => void) => pipeline('x', build).plan.nodes;

  test('take an id before the function or go without', () => {
    const nodes = nodesOf((p) =>
      p
        .source<Flight>('a', rows())
        .map((f) => f)
        .map('named', (f) => f)
        .flatMap((f) => [f])
        .filter('few', (f) => f.delay > 0)
        .rebalance()
        .rebalance('spread')
        .to('s', drain()),
    );
    expect(nodes.map((node) => node.id)).toEqual([
      ...['a', 'map-1', 'named', 'flatMap-1', 'few', 'rebalance-1', 'spread', 's'],
    ]);
  });

  test('of a split and of side outputs read those', () => {
    const nodes = nodesOf((p) => {
      const { big, otherwise } = p.source<Flight>('a', rows()).split('size', { big: (f) => f.delay > 60 });
      big.to('s', drain());
      otherwise.to('t', drain());
    });
    expect(nodes.map(({ id, inputs, sides }) => [id, inputs, sides])).toEqual([
      ['a', [], []],
      ['size', [{ node: 'a' }], ['big']],
      ['s', [{ node: 'size', side: 'big' }], []],
      ['t', [{ node: 'size' }], []],
    ]);
  });

  test('by key keep it through a filter', () => {
    const nodes = nodesOf((p) =>
      p
        .source<Flight>('a', rows())
        .keyBy('k', (f) => f.origin)
        .filter((f) => f.delay > 0)
        .aggregate('n', count())
        .to('s', drain()),
    );
    expect(nodes.map((node) => (node.kind === 'operator' ? node.keyed : undefined))).toEqual([
      ...[undefined, undefined, true, true, undefined],
    ]);
  });

  test('run a process operator under its own id or another', () => {
    const { operators } = pipeline('x', (p) => {
      const keyed = p.source<Flight>('a', rows(), { eventTime: (f) => f.date }).keyBy('k', (f) => f.origin);
      keyed.process(silent).to('s', drain());
      keyed.process('again', silent).to('t', drain());
    });
    expect([...operators.keys()]).toEqual(['silent', 'again']);
    expect(operators.get('silent')?.code).toBe(operators.get('again')?.code);
  });

  test('asynchronous ones make their stage journaled', () => {
    const { plan } = pipeline('x', (p) =>
      p
        .source<Flight>('a', rows())
        .async('look', async (f) => f, { capacity: 3 })
        .to('s', drain()),
    );
    expect(plan.stages.map((stage) => [stage.id, stage.journaled])).toEqual([
      ['a', false],
      ['look', true],
    ]);
  });

  test('in windows take functions, states and evictors', () => {
    const { plan } = pipeline('x', (p) => {
      const windows = p
        .source<Flight>('a', rows(), { eventTime: (f) => f.date })
        .keyBy('k', (f) => f.origin)
        .window(tumbling(hours(1)), { evictor: keepLast(3) });
      windows.process('w', (_k, _w, all) => all.length, { state: { n: value<number>() } }).to('s', drain());
      windows
        .reduce(
          'r',
          (a) => a,
          (key) => key,
        )
        .to('t', drain());
    });
    const [w, r] = plan.nodes.filter((node) => node.kind === 'operator');
    expect(Object.keys(w?.state ?? {})).toContain('n');
    expect(r?.options).toMatchObject({ aggregates: 'reduce', evictor: { name: 'keepLast' } });
  });
});

describe('bindings', () => {
  test('put other connectors in the place of those named, and the plan follows', () => {
    const original = delays();
    const source = rows({ partitions: 1 }, false);
    const bound = original.withBindings({ sources: { flights: source }, sinks: { 'stats-out': drain() } });
    expect(bound.sources.get('flights')?.connector).toBe(source);
    expect(bound.plan.nodes[0]).toMatchObject({ bounded: false, watermark: { kind: 'bounded', bound: minutes(5) } });
    expect(bound.plan.stages.map(({ id, partitions }) => [id, partitions])).toEqual([
      ['flights', 1],
      ['stats', 8],
      ['silent', 8],
    ]);
    expect(original.sources.get('flights')?.connector).not.toBe(source);
    expect(original.plan).toEqual(delays().plan);
  });

  test('change no code', () => {
    const original = delays();
    const bound = original.withBindings({ sources: { flights: rows({ partitions: 2, path: 'other' }) } });
    expect(bound.plan.stages.map((stage) => stage.code)).toEqual(original.plan.stages.map((stage) => stage.code));
  });

  test('keep the version in the code', () => {
    const original = pipeline('x', (p) => p.source('a', rows()).to('s', drain()), { version: '1' });
    const bound = original.withBindings({ sources: { a: rows({ path: 'other' }) } });
    expect(bound.plan.code).toBe(original.plan.code);
  });

  test('of nothing change nothing, and may follow one another', () => {
    const twice = delays()
      .withBindings({})
      .withBindings({ sinks: { alerts: drain({ name: 'b' }) } });
    expect(twice.plan.nodes.find((node) => node.id === 'alerts')).toMatchObject({ options: { name: 'b' } });
  });

  test('of ids that there are not say which there are', () => {
    const error = failure(() => delays().withBindings({ sources: { flihgts: rows() }, sinks: { out: drain() } }));
    expect(error.kind).toBe('invalid-pipeline');
    expect(error.message).toBe(
      `pipeline delays has no source 'flihgts': its sources are 'flights'; and it has no sink 'out': its sinks are 'stats-out', 'late-out', 'alerts'`,
    );
  });
});

describe('fingerprints', () => {
  const codeOf = (build: (p: PipelineBuilder) => void, version?: string) =>
    pipeline('x', build, version === undefined ? {} : { version }).plan.stages.map((stage) => stage.code);
  const mapping = (map: (f: Flight) => unknown) => (p: PipelineBuilder) =>
    p
      .source<Flight>('a', rows())
      .map(map)
      .rebalance()
      .map((x) => x)
      .to('s', drain());

  test('change with the code of the stage and no other', () => {
    const [a, b] = codeOf(mapping((f) => f.delay));
    expect(codeOf(mapping((f) => f.delay))).toEqual([a, b]);
    const [other, same] = codeOf(mapping((f) => f.origin));
    expect(same).toBe(b);
    expect(other).not.toBe(a);
  });

  test('change with the selector of an aggregate, and the plan tells its kind', () => {
    const write = (aggregation: ReturnType<typeof mean<Flight>>) =>
      pipeline('x', (p) => {
        const keyed = p.source<Flight>('a', rows()).keyBy('k', (f) => f.origin);
        keyed.aggregate('r', { m: aggregation }).to('s', drain());
        keyed.window(countWindow(3)).aggregate('w', { m: aggregation }).to('t', drain());
      }).plan;
    const plan = write(mean((f) => f.delay));
    expect(comparePlans(plan, write(mean((f) => f.delay)))).toMatchObject({ compatible: true, changedStages: [] });
    const other = comparePlans(plan, write(mean((f) => f.delay + 1)));
    expect(other).toMatchObject({ compatible: true, changedStages: ['r'] });
    expect(other.differences).toHaveLength(2);
    expect(comparePlans(plan, write(sum((f) => f.delay))).obstacles).toEqual([
      `operator r: its aggregates was {"m":"mean"}, is {"m":"sum"}`,
      `operator w: its aggregates was {"m":"mean"}, is {"m":"sum"}`,
    ]);
  });

  test('change with the version', () => {
    const write = mapping((f) => f.delay);
    for (const [i, code] of codeOf(write, '2').entries()) expect(code).not.toBe(codeOf(write, '1')[i]);
  });

  test('of a receiving stage change with what its sources say about silence', () => {
    const write = (idle: 'hold' | 'exclude') => (p: PipelineBuilder) =>
      p
        .source<Flight>('a', rows(), { idle })
        .rebalance()
        .map((x) => x)
        .to('s', drain());
    expect(codeOf(write('hold'))[1]).not.toBe(codeOf(write('exclude'))[1]);
  });
});
