/** What authors without types misspell. */
import { describe, expect, it } from 'vitest';
import {
  collection,
  count,
  pipeline,
  process,
  seconds,
  toMemory,
  tumbling,
  type,
  untilTimeLimit,
  untilWindowCloses,
} from '../../lib/index.ts';
import { fixes, rulesOf, type Untyped, untyped } from './untyped.ts';

const fn = (): number => 1;

describe('options that are not known', () => {
  const by = (s: Untyped): Untyped => s.keyBy('k', fn);

  it.each<[call: string, write: (stream: Untyped) => Untyped, said: string]>([
    ['any operator', (s) => s.map('it', fn, { fused: false }), 'it knows no option "fused"; did you mean fuse?'],
    [
      'keyBy',
      (s) => s.keyBy('k', fn, { paralellism: 2 }),
      'it knows no option "paralellism"; did you mean parallelism?',
    ],
    ['deduplicate', (s) => by(s).deduplicate('it', { tll: 5 }), 'it knows no option "tll"; did you mean ttl?'],
    [
      'far from all',
      (s) => s.keyBy('k', fn, { colour: 'red' }),
      'it knows no option "colour"; leave it out: it knows parallelism',
    ],
    [
      'intervalJoin',
      (s) => by(s).intervalJoin(s.keyBy('l', fn)).between(1, 2, { lowerexclusive: true }).join('it', fn),
      'it knows no option "lowerexclusive"; did you mean lowerExclusive?',
    ],
    [
      'windowJoin',
      (s) =>
        by(s)
          .windowJoin(s.keyBy('l', fn), tumbling(seconds(1)), { evictor: 1 })
          .join('it', fn),
      'it knows no option "evictor"; leave it out: it knows trigger, allowedLateness, lateLeft, lateRight',
    ],
    [
      'window',
      (s) =>
        by(s)
          .window(tumbling(seconds(1)), { alowedLatenes: 1 })
          .aggregate('it', count()),
      'it knows no option "alowedLatenes"; did you mean allowedLateness?',
    ],
    [
      'rateLimit',
      (s) => by(s).rateLimit('it', { limit: 1, per: seconds(1), exces: 'drop', excess: 'drop' }),
      'it knows no option "exces"; did you mean excess?',
    ],
    ['sample', (s) => s.sample('it', { every: 2, sead: 1 }), 'it knows no option "sead"; did you mean seed?'],
    [
      'lookupJoin',
      (s) => s.lookupJoin('it', { key: fn, fetch: fn, timout: 3 }, fn),
      'it does nothing with "timout"; did you mean timeout?',
    ],
    [
      'the cache of lookupJoin',
      (s) => s.lookupJoin('it', { key: fn, fetch: fn, cache: { ttl: 5, max: 3 } }, fn),
      'it knows no option "max"; leave it out: it knows ttl, maxEntries, missing',
    ],
    [
      'suppress',
      (s) =>
        by(s)
          .toTable('t')
          .suppress('it', untilTimeLimit(seconds(1), { maxkeys: 5 } as never)),
      'it knows no option "maxkeys"; did you mean maxKeys?',
    ],
    [
      'suppress of windows',
      (s) =>
        by(s)
          .window(tumbling(seconds(1)))
          .toTable('t', count())
          .suppress('it', untilWindowCloses({ whenFull: 'stop' } as never)),
      'it knows no option "whenFull"; leave it out: it knows kind, maxKeys, maxBytes',
    ],
    [
      'process',
      (s) => by(s).process(process('it', { key: type<string>(), onRecord: fn, ontimer: fn } as never)),
      'it does nothing with "ontimer"; did you mean onTimer?',
    ],
  ])('are listed with what is near: %s', (_, write, said) => {
    expect(fixes(write)).toEqual([said]);
  });

  it('are of no matter in objects of classes, and as parts of one’s own', () => {
    class Handler {
      readonly key = type<string>();
      readonly states = new Map();
      onRecord(): void {
        this.states.clear();
      }
    }
    expect(fixes((s) => by(s).process(process('it', new Handler())))).toEqual([]);
    const own = { key: type<string>(), onRecord: fn, store: 1, states: 2, output: 3, start: fn };
    expect(fixes((s) => by(s).process(process('it', own as never)))).toEqual([]);
    expect(fixes((s) => s.lookupJoin('it', { key: fn, fetch: fn, cached: 1, opened: 2, clone: fn }, fn))).toEqual([]);
    const limit = untilTimeLimit(seconds(1), { by: undefined, whenFull: undefined } as never);
    expect(fixes((s) => by(s).toTable('t').suppress('it', limit))).toEqual([]);
  });

  it('are listed for sources and pipelines', () => {
    const listed = rulesOf(() => {
      pipeline('test', (p) => untyped(p).source('in', collection([]), { watermarks: 1 }).to('out', toMemory()));
    });
    expect(listed).toEqual(['in: it knows no option "watermarks"']);
    expect(() => pipeline('test', () => {}, { fusion: 'none' } as never)).toThrow(/it knows no option "fusion"/);
  });
});
