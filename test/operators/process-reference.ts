/**
 * A process operator's context by its documentation: state is plain lists of what was written, with the time until which each counts, and what is due is looked
 * for among all timers each time. Slow and plain.
 */
import { MAX_TIME, MIN_TIME } from '../../lib/model/index.ts';

export type Domain = 'event' | 'processing';

/** What happens to an operator: a record comes, or time moves. */
export type Happening<R> =
  | { readonly record: R; readonly key: string; readonly time: number }
  | { readonly watermark: number }
  | { readonly processing: number };

export interface Ttl {
  readonly span: number;
  readonly by: Domain;
}

export interface PlainSpec<R> {
  readonly ttl: Ttl | undefined;
  readonly reduce: (reduced: number, value: number) => number;
  onRecord(record: R, ctx: PlainContext): void;
  onTimer(time: number, ctx: PlainContext, name: string | undefined): void;
  onProcessingTimer(time: number, ctx: PlainContext, name: string | undefined): void;
}

/** What both contexts have, the operator's and this one's. */
export interface PlainContext {
  readonly key: string;
  readonly eventTime: number;
  readonly watermark: number;
  readonly processingTime: number;
  readonly state: PlainStates;
  readonly timers: {
    onEventTime(time: number, name?: string): void;
    onProcessingTime(time: number, name?: string): void;
    cancelEventTime(time: number, name?: string): void;
    cancelProcessingTime(time: number, name?: string): void;
  };
  emit(result: unknown, time?: number): void;
  aside(result: unknown): void;
}

export interface PlainStates {
  readonly one: { get(): number | undefined; set(n: number): void; clear(): void };
  readonly many: {
    get(): readonly number[];
    add(n: number): void;
    update(n: Iterable<number>): void;
    isEmpty(): boolean;
    clear(): void;
  };
  readonly named: {
    get(key: number): number | undefined;
    has(key: number): boolean;
    set(key: number, n: number): void;
    delete(key: number): boolean;
    entries(): readonly (readonly [number, number])[];
    isEmpty(): boolean;
    clear(): void;
  };
  readonly total: { get(): number | undefined; add(n: number): void; clear(): void };
  readonly sorted: { get(): readonly number[] | undefined; add(n: number): void; clear(): void };
}

export interface Emission {
  readonly value: unknown;
  readonly time: number;
  readonly key: string;
}

export interface PlainStory {
  readonly main: Emission[];
  readonly side: Emission[];
  /** At the end: what each state of each key holds, and the timers that are left. */
  readonly left: {
    readonly one: number;
    readonly many: number;
    readonly named: number;
    readonly total: number;
    readonly sorted: number;
    readonly timers: number;
  };
}

interface Written {
  readonly n: number;
  readonly under: number;
  readonly time: number;
  until: number;
}

interface Held {
  one: Written[];
  many: Written[];
  named: Written[];
  total: Written[];
  sorted: Written[];
}

interface Timer {
  readonly domain: Domain;
  readonly key: string;
  readonly time: number;
  readonly name: string;
}

export function processReference<R>(happenings: readonly Happening<R>[], spec: PlainSpec<R>): PlainStory {
  const main: Emission[] = [];
  const side: Emission[] = [];
  const kept = new Map<string, Held>();
  let timers: Timer[] = [];
  let watermark: number = MIN_TIME;
  let processing = 0;
  /** Of what moves, where it stood before: what had expired by then is gone. */
  let before: number = MIN_TIME;
  /** Where the author's code stands. */
  let at: { readonly key: string; readonly time: number; readonly firing: Domain | undefined };

  const held = (): Held => {
    let of = kept.get(at.key);
    if (of === undefined) {
      of = { one: [], many: [], named: [], total: [], sorted: [] };
      kept.set(at.key, of);
    }
    return of;
  };
  const now = (by: Domain): number => {
    if (at.firing === by) return Math.max(at.time, before);
    return by === 'event' ? watermark : processing;
  };
  const until = (): number => {
    if (spec.ttl === undefined) return Number.POSITIVE_INFINITY;
    const { span, by } = spec.ttl;
    if (by === 'processing' || at.firing === 'event') return now(by) + span;
    const from = at.firing === undefined ? Math.max(at.time, watermark) : watermark;
    return from === MIN_TIME || watermark === MAX_TIME ? Number.POSITIVE_INFINITY : from + span;
  };
  const written = (n: number, under = 0): Written => ({ n, under, time: at.time, until: until() });
  const live = (list: readonly Written[]): Written[] =>
    list.filter((w) => spec.ttl === undefined || w.until > now(spec.ttl.by));
  /** A state's writes all count until the last of them does; one that counts for ever does so until the next. */
  const together = (list: readonly Written[]): Written[] => {
    let last = Number.POSITIVE_INFINITY;
    for (const w of list) last = last === Number.POSITIVE_INFINITY ? w.until : Math.max(last, w.until);
    return list.map((w) => ({ ...w, until: last }));
  };
  const put = (name: keyof Held, list: Written[]): void => {
    held()[name] = list;
  };

  const states: PlainStates = {
    one: {
      get: () => live(held().one).at(-1)?.n,
      set: (n) => put('one', together([...live(held().one), written(n)]).slice(-1)),
      clear: () => put('one', []),
    },
    many: {
      get: () => live(held().many).map(({ n }) => n),
      add: (n) => void held().many.push(written(n)),
      update: (items) =>
        put(
          'many',
          [...items].map((n) => written(n)),
        ),
      isEmpty: () => live(held().many).length === 0,
      clear: () => put('many', []),
    },
    named: {
      get: (key) => live(held().named).find(({ under }) => under === key)?.n,
      has: (key) => live(held().named).some(({ under }) => under === key),
      set: (key, n) => {
        const same = live(held().named).filter(({ under }) => under === key);
        const others = held().named.filter(({ under }) => under !== key);
        held().named = [...others, ...together([...same, written(n, key)]).slice(-1)];
      },
      delete: (key) => {
        const was = live(held().named).some(({ under }) => under === key);
        held().named = held().named.filter(({ under }) => under !== key);
        return was;
      },
      entries: () =>
        live(held().named)
          .sort((a, b) => a.under - b.under)
          .map(({ under, n }) => [under, n] as const),
      isEmpty: () => live(held().named).length === 0,
      clear: () => put('named', []),
    },
    total: {
      get: () => {
        const all = live(held().total).map(({ n }) => n);
        return all.length === 0 ? undefined : all.reduce(spec.reduce);
      },
      add: (n) => put('total', together([...live(held().total), written(n)])),
      clear: () => put('total', []),
    },
    sorted: {
      get: () => {
        const all = live(held().sorted).sort((a, b) => a.time - b.time);
        return all.length === 0 ? undefined : all.map(({ n }) => n);
      },
      add: (n) => put('sorted', together([...live(held().sorted), written(n)])),
      clear: () => put('sorted', []),
    },
  };
  const set = (domain: Domain, time: number, name = ''): void => {
    cancel(domain, time, name);
    timers.push({ domain, key: at.key, time, name });
  };
  const cancel = (domain: Domain, time: number, name = ''): void => {
    timers = timers.filter((t) => !(t.domain === domain && t.key === at.key && t.time === time && t.name === name));
  };
  const ctx: PlainContext = {
    get key() {
      return at.key;
    },
    get eventTime() {
      return at.time;
    },
    get watermark() {
      return watermark;
    },
    get processingTime() {
      return processing;
    },
    state: states,
    timers: {
      onEventTime: (time, name) => set('event', time, name),
      onProcessingTime: (time, name) => set('processing', time, name),
      cancelEventTime: (time, name) => cancel('event', time, name),
      cancelProcessingTime: (time, name) => cancel('processing', time, name),
    },
    emit: (value, time = at.time) => void main.push({ value, time, key: at.key }),
    aside: (value) => void side.push({ value, time: at.time, key: at.key }),
  };

  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const moveTo = (domain: Domain, limit: number): void => {
    for (;;) {
      const [due] = timers
        .filter((timer) => timer.domain === domain && timer.time <= limit)
        .sort((a, b) => a.time - b.time || order(a.key, b.key) || order(a.name, b.name));
      if (due === undefined) break;
      timers = timers.filter((timer) => timer !== due);
      at = { key: due.key, time: due.time, firing: domain };
      const name = due.name === '' ? undefined : due.name;
      if (domain === 'event') spec.onTimer(due.time, ctx, name);
      else spec.onProcessingTimer(due.time, ctx, name);
    }
    if (spec.ttl?.by !== domain) return;
    for (const of of kept.values()) {
      for (const name of Object.keys(of) as (keyof Held)[]) of[name] = of[name].filter((w) => w.until > limit);
    }
  };

  for (const happening of happenings) {
    if ('record' in happening) {
      at = { key: happening.key, time: happening.time, firing: undefined };
      spec.onRecord(happening.record, ctx);
    } else if ('watermark' in happening) {
      if (happening.watermark <= watermark) continue;
      before = watermark;
      watermark = happening.watermark;
      moveTo('event', watermark);
    } else {
      before = processing;
      processing = Math.max(processing, happening.processing);
      moveTo('processing', processing);
    }
  }
  const all = [...kept.values()];
  const some = (name: keyof Held): number => all.filter((of) => of[name].length > 0).length;
  return {
    main,
    side,
    left: {
      ...{ one: some('one'), many: some('many'), total: some('total'), sorted: some('sorted') },
      named: all.reduce((sum, of) => sum + of.named.length, 0),
      timers: timers.length,
    },
  };
}

export const END = MAX_TIME;
