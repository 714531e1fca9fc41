/** What is made ahead of its operator (windows, triggers, patterns, states, aggregations) of the wrong things, and what else authors without types get wrong: all of it is listed. */
import { describe, expect, it } from 'vitest';
import * as millrace from '../../lib/index.ts';
import {
  begin,
  broadcastProcess,
  collection,
  connectedProcess,
  count,
  countWindow,
  cumulating,
  deltaEvictor,
  deltaTrigger,
  earlyByCount,
  earlyByEventTime,
  earlyByProcessingTime,
  endOfWindow,
  everyCount,
  globalWindow,
  hopping,
  keepLast,
  keepWithin,
  noSkip,
  type PipelineBuilder,
  pipeline,
  process,
  processingTimeout,
  purging,
  reducing,
  seconds,
  session,
  skipToFirst,
  sliding,
  toMemory,
  tumbling,
  type,
  untilTimeLimit,
  value,
  watermarkGenerator,
} from '../../lib/index.ts';
import { keyed, rulesOf, source, type Untyped, untyped, written } from './untyped.ts';

/** Makes something of what is tried. */
type Make = (other: never) => unknown;

const TRIED = [undefined, null, 5, {}] as const;
const fn = (): number => 1;

const windowed = (assigner: unknown, options?: object): readonly string[] =>
  keyed((stream) => stream.window(assigner, options).aggregate('it', count()));

describe('what is listed', () => {
  it.each<[call: string, write: (stream: Untyped) => Untyped, rules: readonly string[]]>([
    ['map', (s) => s.map('it'), ['it: map takes a function, not undefined']],
    ['map, async', (s) => s.map('it', async () => 1), ['it: the function of map is async']],
    ['filter', (s) => s.filter('it'), ['it: filter takes a function, not undefined']],
    ['flatMap', (s) => s.flatMap('it', 5), ['it: flatMap takes a function, not number']],
    ['lookupJoin', (s) => s.lookupJoin('it'), ['it: lookup-join takes an object, not undefined']],
    [
      'lookupJoin without joiner',
      (s) => s.lookupJoin('it', { key: fn, fetch: fn }),
      ['it: lookupJoin takes a function, not undefined'],
    ],
    ['reduce', (s) => s.keyBy('k', fn).reduce('it'), ['it: reduce takes a function, not undefined']],
    ['split', (s) => s.split('it', { a: 1 }).a, ['it: split takes a function, not number']],
    ['split of nothing', (s) => s.split('it', {}).otherwise, ['it: it has no branches']],
    [
      'split with a branch for the rest',
      (s) => s.split('it', { otherwise: fn }).otherwise,
      ["it: 'otherwise' is what no branch takes"],
    ],
    [
      'top of a text',
      (s) => s.keyBy('k', fn).top('it', '3', { by: fn, ttl: '5 minutes' }),
      ['it: its ttl is "5 minutes", which is a text', 'it: it keeps the best "3", which is a text'],
    ],
    [
      'windowJoin by count',
      (s) => s.keyBy('k', fn).windowJoin(s.keyBy('l', fn), countWindow(5)).join('it', fn),
      ['it: a count window would count the records of both sides as one'],
    ],
    ['sample', (s) => s.sample(), ['sample-1: sample takes an object, not undefined']],
    ['sample by id', (s) => s.sample('it'), ['it: sample takes an object, not undefined']],
    ['rateLimit', (s) => s.rateLimit('it'), ['it: rate-limit takes an object, not undefined']],
    [
      'rateLimit without its span',
      (s) => s.rateLimit('it', { limit: 5, excess: 'drop' }),
      ['it: it has no span of time'],
    ],
    [
      'suppress by what there is not',
      (s) =>
        s
          .keyBy('k', fn)
          .toTable('t')
          .suppress('it', untilTimeLimit(seconds(1), { by: 'clock', whenFull: 'drop' } as never)),
      ["it: it goes by 'clock'", "it: its whenFull is 'drop'"],
    ],
    ['deduplicate', (s) => s.keyBy('k', fn).deduplicate('it', null), ['it: the options must be an object, not null']],
    ['async', (s) => s.async('it'), ['it: async takes a function, not undefined']],
    ['process', (s) => s.process('it'), ['it: it takes an operator of one input']],
    [
      'process of two inputs',
      (s) => s.process(connectedProcess('it', { onLeft: fn, onRight: fn })),
      ['it: it takes an operator of one input'],
    ],
    [
      'process without a handler',
      (s) => s.process(process('it', {} as never)),
      ['it: process takes a function, not undefined'],
    ],
    [
      'match',
      (s) => s.keyBy('k', fn).match('it'),
      ['it: what it looks for is no pattern', 'it: match takes a function, not undefined'],
    ],
    [
      'match with a place for what is timed out that is none',
      (s) => s.keyBy('k', fn).match('it', begin('a', type()).within(seconds(1)), fn, { timedOut: {} }),
      ['it: match takes a function, not undefined', 'it: the name of a side output is missing'],
    ],
    [
      'window',
      (s) => s.keyBy('k', fn).window().aggregate('it', count()),
      ['it: what says which windows there are must be an object, not undefined'],
    ],
    [
      'windowAll',
      (s) => s.windowAll().process('it', fn),
      ['it: what says which windows there are must be an object, not undefined'],
    ],
    [
      'a window without its function',
      (s) =>
        s
          .keyBy('k', fn)
          .window(tumbling(seconds(1)))
          .process('it'),
      ['it: a window takes a function, not undefined'],
    ],
    [
      'groupBy',
      (s) => s.keyBy('k', fn).toTable('t').groupBy('it').count('n'),
      ['it: groupBy takes a function, not undefined'],
    ],
    [
      'groupBy by a function and by no id',
      (s) => s.keyBy('k', fn).toTable('t').groupBy(undefined, fn).count('n'),
      ['(key-by 1 without id): a key-by needs an id'],
    ],
    [
      'a table of windows, by its id',
      (s) =>
        s
          .keyBy('k', fn)
          .window(tumbling(seconds(0)))
          .toTable('it', { n: 5 }),
      ['it: its aggregate "n" is no aggregator: it has no create, add, merge, result, clone'],
    ],
    [
      'a join by a foreign key, by its id',
      (s) => {
        const table = s.keyBy('k', fn).toTable('t');
        return table.join('it', table, 5, fn);
      },
      ['it: the foreign key takes a function, not number'],
    ],
    [
      'aggregates that are not called',
      (s) => s.keyBy('k', fn).aggregate('it', { n: count }),
      ['it: its aggregate "n" is no aggregator: it has no create, add, merge, result, clone'],
    ],
    ['an id that is none', (s) => s.keyBy(5, fn), ['(key-by 1 without id): the id is no text']],
    ['options that are none', (s) => s.map('it', fn, fn), ['it: the options must be an object, not function']],
    [
      'options of windows that are none',
      (s) =>
        s
          .keyBy('k', fn)
          .window(tumbling(seconds(1)), 5)
          .aggregate('it', count()),
      ['it: the options must be an object, not number'],
    ],
    [
      'late data without a name',
      (s) =>
        s
          .keyBy('k', fn)
          .window(tumbling(seconds(1)), { late: 'late' })
          .aggregate('it', count()),
      ['it: the name of a side output is missing'],
    ],
    [
      'side outputs without names',
      (s) => s.process(process('it', { onRecord: fn, outputs: 'late' } as never)),
      ['it: the name of a side output is missing'],
    ],
    [
      'groups that are kept in no known way',
      (s) => s.keyBy('k', fn).toTable('t').groupBy('g', fn).count('it', { whenEmpty: 'drop' }),
      ['it: its whenEmpty is "drop"'],
    ],
  ])('%s', (_, write, rules) => {
    expect(written(write)).toEqual(rules);
  });

  it('is all that is wrong in a pipeline, at once', () => {
    const rules = written((stream) => {
      stream.map('a').to('a-out', toMemory());
      stream.split('b', { some: 1 }).some.to('b-out', toMemory());
      const table = stream.keyBy('c').toTable('d', 5);
      table.groupBy('e').count('f', null).to('f-out');
      return table.join('g', stream).filter('h');
    });
    expect(rules.map((rule) => rule.split(':')[0])).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
      'f',
      'f-out',
      'f-out',
      'g',
      'g',
      'h',
    ]);
  });
});

describe('unfit windows', () => {
  const span = seconds(1);
  it.each<[name: string, make: Make]>([
    ['tumbling', tumbling],
    ['hopping', (other) => hopping(other, span)],
    ['hopping, slide', (other) => hopping(span, other)],
    ['cumulating', (other) => cumulating(other, span)],
    ['cumulating, step', (other) => cumulating(span, other)],
    ['session', session],
    ['sliding', sliding],
    ['countWindow', (other) => countWindow(other)],
    ['countWindow, slide', (other) => (other === undefined ? countWindow(0) : countWindow(2, other))],
    ['windows', (other) => other],
    ['windows of a time that there is not', (other) => tumbling(span, { time: other ?? 'now' })],
  ])('%s', (name, make) => {
    for (const other of TRIED) {
      const right = other === 5 && !name.startsWith('windows') && name !== 'cumulating';
      expect(windowed(make(other as never)).length > 0, `${name} of ${String(other)}`).toBe(!right);
    }
  });

  const trigger = endOfWindow();
  it.each<[name: string, make: Make, number?: boolean]>([
    ['earlyByCount', earlyByCount, true],
    ['earlyByEventTime', earlyByEventTime, true],
    ['earlyByProcessingTime', earlyByProcessingTime, true],
    ['everyCount', everyCount, true],
    ['processingTimeout', (other) => processingTimeout(trigger, other), true],
    ['processingTimeout of a trigger', (other) => processingTimeout(other, seconds(1))],
    ['purging', purging],
    ['deltaTrigger', (other) => deltaTrigger(other, fn), true],
    ['deltaTrigger by a function', (other) => deltaTrigger(5, other)],
    ['one of no own', (other) => other ?? null],
    ['one whose handlers are none', (other) => ({ ...trigger, onRecord: other })],
    ['one whose handlers are none that may be left out', (other) => ({ ...trigger, onEventTime: other ?? 'no' })],
  ])('triggers: %s', (name, make, number = false) => {
    for (const other of TRIED) {
      const rules = windowed(globalWindow(), { trigger: make(other as never) });
      expect(rules.length > 0, `${name} of ${String(other)}`).toBe(!(number && other === 5));
      for (const rule of rules) expect(rule).toMatch(/^it: .*(trigger|early|every|purging|processingTimeout|delta)/);
    }
  });

  it.each<[name: string, make: Make, number?: boolean]>([
    ['keepLast', keepLast, true],
    ['keepWithin', keepWithin, true],
    ['deltaEvictor', (other) => deltaEvictor(other, fn), true],
    ['deltaEvictor by a function', (other) => deltaEvictor(5, other)],
    ['one of no own', (other) => other ?? null],
  ])('evictors: %s', (name, make, number = false) => {
    for (const other of TRIED) {
      const rules = windowed(globalWindow(), { evictor: make(other as never) });
      expect(rules.length > 0, `${name} of ${String(other)}`).toBe(!(number && other === 5));
    }
  });
});

describe('unfit patterns', () => {
  const matched = (pattern: unknown, options?: object): readonly string[] =>
    keyed((stream) => stream.match('it', pattern, fn, options));
  const steps = (): Untyped =>
    untyped(begin)('first', type())
      .where(() => true)
      .within(seconds(9));

  it('are listed', () => {
    expect(matched(steps())).toEqual([]);
    for (const name of ['next', 'followedBy', 'followedByAny', 'notNext', 'notFollowedBy'] as const) {
      for (const other of TRIED) expect(matched(steps()[name](other)).length, name).toBeGreaterThan(0);
    }
    for (const name of ['where', 'or', 'until', 'times', 'timesOrMore', 'within', 'withinPrevious'] as const) {
      for (const other of TRIED) {
        const counts = ['times', 'timesOrMore', 'within', 'withinPrevious'].includes(name);
        const step = name.startsWith('times') ? steps().next('second') : steps().next('second').oneOrMore();
        expect(matched(step[name](other)).length > 0, `${name} of ${String(other)}`).toBe(!(counts && other === 5));
      }
    }
    for (const other of TRIED) {
      expect(matched(untyped(begin)(other, type()).within(seconds(1))).length).toBeGreaterThan(0);
      expect(matched(steps(), { afterMatch: other }).length > 0).toBe(other !== undefined);
      expect(matched(steps(), { afterMatch: skipToFirst(other as never) }).length).toBeGreaterThan(0);
      expect(matched(steps(), { timedOut: other }).length > 0).toBe(other !== undefined);
    }
    expect(matched(steps(), { afterMatch: noSkip() })).toEqual([]);
  });
});

describe('unfit operators and states', () => {
  it('are listed', () => {
    for (const other of TRIED as readonly unknown[] as readonly never[]) {
      expect(written((s) => s.process(process('it', other))).length).toBeGreaterThan(0);
      expect(written((s) => s.connect(s).process(connectedProcess('it', other))).length).toBeGreaterThan(0);
      const ruled = broadcastProcess('it', other);
      expect(written((s) => s.connect(s.broadcast()).process(ruled)).length).toBeGreaterThan(0);
      const states = (state: object) =>
        keyed((s) => s.process(process('it', { key: type(), state, onRecord: fn } as never)));
      expect(states({ seen: value() })).toEqual([]);
      expect(states({ seen: other }).length).toBeGreaterThan(0);
      expect(states({ seen: reducing(other) }).length).toBeGreaterThan(0);
      expect(states({ seen: millrace.aggregating(other) }).length).toBeGreaterThan(0);
      const rules = (broadcastState: never) =>
        broadcastProcess('it', { broadcastState, onRecord: fn, onBroadcast: fn });
      expect(written((s) => s.connect(s.broadcast()).process(rules({ seen: other } as never))).length).toBeGreaterThan(
        0,
      );
      const suppressed = keyed((s) => s.toTable('t').suppress('it', untilTimeLimit(other)));
      expect(suppressed.length > 0).toBe(other !== 5);
    }
  });
});

describe('unfit aggregators', () => {
  it.each([
    ...['share', 'sum', 'mean', 'min', 'max', 'minBy', 'maxBy', 'distinct', 'distinctApprox', 'variance', 'stddev'],
    ...['median', 'quantile', 'quantiles', 'topK', 'whole', 'partial', 'aggregator'],
  ])('%s says so when it is called', (name) => {
    const make = (millrace as unknown as Readonly<Record<string, Untyped>>)[name]!;
    for (const other of TRIED) {
      expect(rulesOf(() => make(other, 1)).length, `${name} of ${String(other)}`).toBeGreaterThan(0);
    }
    expect(rulesOf(() => make()).length).toBeGreaterThan(0);
  });
});

describe('unfit pipelines', () => {
  const build = (p: PipelineBuilder): void => void source(p).to('out', toMemory());
  const made = (...given: readonly unknown[]): readonly string[] => rulesOf(() => untyped(pipeline)(...given));

  it('say so', () => {
    expect(made('test', build)).toEqual([]);
    expect(made()).toHaveLength(1);
    for (const other of TRIED) {
      expect(made(other, build).length).toBeGreaterThan(0);
      expect(made('test', other).length).toBeGreaterThan(0);
      expect(made('test', build, other).length > 0).toBe(other === null || other === 5);
      expect(made('test', build, { parallelism: other }).length > 0).toBe(other !== undefined && other !== 5);
      expect(made('test', build, { fusing: other }).length > 0).toBe(other !== undefined);
    }
  });

  it('say so when they are bound or told of code', () => {
    const { withBindings, withCode, withParallelism } = untyped(pipeline('test', build));
    for (const other of TRIED) {
      expect(rulesOf(() => withBindings(other)).length > 0).toBe(
        other === undefined || typeof other !== 'object' || other === null,
      );
      expect(rulesOf(() => withBindings({ sources: { in: other } }))).toEqual(['in: its connector is no source']);
      expect(rulesOf(() => withBindings({ sinks: { out: other } }))).toEqual(['out: its connector is no sink']);
      expect(rulesOf(() => withCode(other)).length > 0).toBe(
        other === undefined || typeof other !== 'object' || other === null,
      );
      expect(rulesOf(() => withParallelism(other)).length > 0).toBe(other !== 5);
    }
  });

  it('list what is wrong with sources', () => {
    const sourced = (...given: readonly unknown[]): readonly string[] =>
      rulesOf(() =>
        pipeline('test', (p) =>
          untyped(p)
            .source(...given)
            .to('out', toMemory()),
        ),
      );
    const connector = collection<unknown>([]);
    const eventTime = fn;
    expect(sourced('in', connector, { eventTime })).toEqual([]);
    expect(sourced('in')).toEqual(['in: its connector is no source']);
    expect(sourced('in', toMemory())).toEqual(['in: its connector is no source']);
    for (const other of TRIED) {
      expect(sourced(other, connector).length).toBeGreaterThan(0);
      expect(sourced('in', other)).toEqual(['in: its connector is no source']);
      expect(sourced('in', connector, other).length > 0).toBe(other === null || other === 5);
      for (const name of ['eventTime', 'schema', 'watermark', 'idle', 'badRecords', 'maxFuture']) {
        const right =
          other === undefined ||
          (name === 'maxFuture' && other === 5) ||
          (other === null && ['idle', 'watermark'].includes(name));
        expect(sourced('in', connector, { eventTime, [name]: other }).length > 0, `${name}: ${String(other)}`).toBe(
          !right,
        );
      }
      const watermark = watermarkGenerator(other as never);
      expect(sourced('in', connector, { eventTime, watermark })).toEqual(['in: its watermark is no strategy']);
    }
  });
});
