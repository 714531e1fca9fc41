/** Pipelines composed at random: what is written down is what was drawn, so that a failure can be read. */
import fc from 'fast-check';
import {
  boundedOutOfOrderness,
  collect,
  collection,
  type Duration,
  epochMillis,
  hopping,
  map,
  milliseconds,
  type Pipeline,
  pipeline,
  session,
  sideOutput,
  sum,
  toMemory,
  tumbling,
  type,
  value,
} from '../../lib/index.ts';
import { process } from '../../lib/operators/index.ts';
import type { Stream } from '../../lib/pipeline/index.ts';

export interface Item {
  readonly t: number;
  readonly k: string;
  readonly n: number;
}

export type Window =
  | { readonly kind: 'tumbling'; readonly size: number }
  | { readonly kind: 'hopping'; readonly size: number; readonly slide: number }
  | { readonly kind: 'session'; readonly gap: number };

export type Stateful =
  | { readonly kind: 'window'; readonly window: Window; readonly lateness: number; readonly whole: boolean }
  | { readonly kind: 'reduce' }
  /** Sums by second, said by a timer at its end. */
  | { readonly kind: 'timers' }
  /** Says what it remembers, in order. */
  | { readonly kind: 'memory' };

export interface Recipe {
  readonly sources: number;
  readonly bound: number;
  readonly stateless: readonly ('map' | 'filter' | 'flatMap')[];
  readonly spread: boolean;
  readonly first: Stateful;
  readonly between: readonly ('map' | 'filter' | 'flatMap')[];
  readonly second: Stateful | undefined;
  /** Both the source and the first operator's results go to the second one. */
  readonly joined: boolean;
}

const stateless = fc.array(fc.constantFrom('map' as const, 'filter' as const, 'flatMap' as const), { maxLength: 2 });
const window = fc.oneof(
  fc.record({ kind: fc.constant('tumbling' as const), size: fc.constantFrom(1_000, 1_500) }),
  fc.record({ kind: fc.constant('hopping' as const), size: fc.constantFrom(2_000, 3_000), slide: fc.constant(1_000) }),
  fc.record({ kind: fc.constant('session' as const), gap: fc.constantFrom(150, 700) }),
);
const windowed = fc.record({
  kind: fc.constant('window' as const),
  window,
  lateness: fc.constantFrom(0, 0, 400),
  whole: fc.boolean(),
});
const timers = fc.record({ kind: fc.constant('timers' as const) });

/** Operators whose results do not depend on the order in which records of several partitions arrive. */
const unordered = fc.oneof(windowed, windowed, timers);
const ordered = fc.oneof(
  windowed,
  windowed,
  timers,
  fc.record({ kind: fc.constant('reduce' as const) }),
  fc.record({ kind: fc.constant('memory' as const) }),
);

const recipeOf = (operator: typeof ordered | typeof unordered, one: boolean): fc.Arbitrary<Recipe> =>
  fc.record({
    sources: one ? fc.constant(1) : fc.constantFrom(1, 2),
    bound: fc.constantFrom(0, 300, 1_000),
    stateless,
    spread: fc.boolean(),
    first: operator as fc.Arbitrary<Stateful>,
    between: stateless,
    second: fc.option(operator as fc.Arbitrary<Stateful>, { nil: undefined }),
    joined: one ? fc.constant(false) : fc.boolean(),
  });

/** For one channel between any two tasks: any operators. */
export const chainRecipe = recipeOf(ordered, true);
/** For several channels: operators that mind no order of arrival. */
export const wideRecipe = recipeOf(unordered, false);

const LATE = sideOutput<Item>('late');

/** The pipeline of a recipe. Its sources are in-0, in-1; its sinks `out`, and `late-1`, `late-2` where there are windows. */
export function cook(recipe: Recipe, parallelism: number): Pipeline {
  return pipeline(
    'cooked',
    (p) => {
      const [head, ...more] = Array.from({ length: recipe.sources }, (_, i) =>
        p.source(`in-${i}`, collection<Item>([]), {
          eventTime: (r) => epochMillis(r.t),
          watermark: boundedOutOfOrderness(recipe.bound as Duration),
        }),
      );
      const all = more.length === 0 ? head! : head!.union(...more);
      const begun = plain(all, recipe.stateless);
      const input = recipe.spread ? begun.rebalance('spread').map('spread-out', (r) => r) : begun;
      const first = stateful(input, recipe.first, 1);
      if (recipe.second === undefined) {
        first.to('out', toMemory());
        return;
      }
      const between = plain(first, recipe.between);
      const second = stateful(recipe.joined ? between.union(input) : between, recipe.second, 2);
      second.to('out', toMemory());
    },
    { parallelism },
  );
}

function plain(stream: Stream<Item>, steps: Recipe['stateless']): Stream<Item> {
  let made = stream;
  for (const step of steps) {
    if (step === 'map') made = made.map((r) => ({ ...r, n: r.n + 1 }));
    else if (step === 'filter') made = made.filter((r) => r.n % 3 !== 0);
    else made = made.flatMap((r) => (r.n % 2 === 0 ? [r, { ...r, n: r.n + 10 }] : []));
  }
  return made;
}

function stateful(stream: Stream<Item>, what: Stateful, place: number): Stream<Item> {
  const keyed = stream.keyBy(`by-key-${place}`, (r) => r.k);
  const id = `op-${place}`;
  switch (what.kind) {
    case 'reduce':
      return keyed.reduce(id, (a, b) => ({ ...b, n: (a.n * 31 + b.n) % 100_003 }));
    case 'timers':
      return keyed.process(id, bySecond);
    case 'memory':
      return keyed.process(id, remembering);
    case 'window': {
      const windows = keyed.window(assigner(what.window), {
        late: LATE,
        allowedLateness: milliseconds(what.lateness),
      });
      const result = (key: string, end: number, n: number): Item => ({ t: end - 1, k: key, n });
      const made = what.whole
        ? windows.process(id, (key, { end }, records) => result(key, end, digest(records.map((r) => r.n).sort())))
        : windows.aggregate(
            id,
            { n: sum((r: Item) => r.n), all: collect((r: Item) => r.n) },
            (key, { end }, { n, all }) => result(key, end, n * 1_000 + all.length),
          );
      (made as Stream<Item>).sideOutput(LATE).to(`late-${place}`, toMemory());
      return made as Stream<Item>;
    }
  }
}

const digest = (numbers: readonly number[]): number => numbers.reduce((a, n) => (a * 31 + n) % 100_003, numbers.length);

function assigner(window: Window) {
  switch (window.kind) {
    case 'tumbling':
      return tumbling(milliseconds(window.size));
    case 'hopping':
      return hopping(milliseconds(window.size), milliseconds(window.slide));
    case 'session':
      return session(milliseconds(window.gap));
  }
}

const bySecond = process('by-second', {
  in: type<Item>(),
  key: type<string>(),
  out: type<Item>(),
  state: { sums: map<number, number>() },
  onRecord(r, ctx) {
    const second = Math.floor(ctx.eventTime / 1_000) * 1_000;
    ctx.state.sums.set(second, (ctx.state.sums.get(second) ?? 0) + r.n);
    ctx.timers.onEventTime(epochMillis(second + 999));
  },
  onTimer(time, ctx) {
    const second = time - 999;
    const n = ctx.state.sums.get(second);
    if (n === undefined) return;
    ctx.state.sums.delete(second);
    ctx.emit({ t: time, k: ctx.key, n });
  },
});

const remembering = process('remembering', {
  in: type<Item>(),
  key: type<string>(),
  out: type<Item>(),
  state: { last: value<number>() },
  onRecord(r, ctx) {
    const last = ctx.state.last.get() ?? 0;
    const next = (last * 31 + r.n + (ctx.watermark % 977)) % 100_003;
    ctx.state.last.set(next);
    ctx.timers.onEventTime(epochMillis(ctx.eventTime + 137));
    ctx.emit({ ...r, n: next });
  },
  onTimer(time, ctx) {
    const n = (ctx.state.last.get() ?? 0) + (ctx.watermark % 977);
    ctx.emit({ t: time, k: ctx.key, n: Math.abs(n) % 100_003 });
  },
});

/** Items with times near a line that rises, up to `disorder` before it. */
export const itemsOf = (disorder: number, most: number): fc.Arbitrary<readonly Item[]> =>
  fc
    .array(
      fc.record({
        step: fc.constantFrom(0, 1, 30, 120, 400, 1_000),
        back: fc.nat(disorder),
        k: fc.constantFrom('a', 'b', 'c'),
        n: fc.nat(20),
      }),
      { maxLength: most },
    )
    .map((drawn) => {
      let line = 10_000;
      return drawn.map(({ step, back, k, n }) => {
        line += step;
        return { t: line - back, k, n };
      });
    });
