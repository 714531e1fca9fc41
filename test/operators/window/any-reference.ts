/**
 * Windows of any assigner, trigger and evictor by their definition: windows are lists of the records they hold, every result is computed anew from
 * those, and what is due is looked for among all windows each time. Slow and plain.
 */
import { MAX_TIME, MIN_TIME } from '../../../lib/model/index.ts';
import type { Trigger, TriggerContext, TriggerDecision, WindowElement } from '../../../lib/operators/index.ts';
import type { Rec } from './reference.ts';

/** What happens to an operator: a record comes, or time moves. */
export type Happening = { readonly record: Rec } | { readonly watermark: number } | { readonly processing: number };

interface Span {
  readonly start: number;
  readonly end: number;
}

export interface AnySpec {
  /** The windows that hold a time, from the latest; `session`: by the records' gaps; `global`: one for each key. */
  readonly windows: ((time: number) => Span[]) | 'session' | 'global';
  readonly by: 'event' | 'processing';
  readonly lateness: number;
  readonly trigger: Trigger<Rec, unknown>;
  readonly evictor:
    | { readonly when: 'before' | 'after'; keep(held: readonly WindowElement<Rec>[]): readonly WindowElement<Rec>[] }
    | undefined;
}

export interface AnyResult {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  /** The records told of, in order of arrival. */
  readonly told: readonly number[];
  readonly time: number;
}

/** What came of it: results in their order, the fate of each record, and after each happening how many windows there are. */
export interface AnyStory {
  readonly results: AnyResult[];
  readonly late: Rec[];
  refired: number;
  unwindowed: number;
  readonly open: number[];
}

interface Window {
  readonly key: string;
  readonly id: number;
  readonly start: number;
  readonly end: number;
  held: WindowElement<Rec>[];
  memory: unknown;
  timers: { readonly domain: 'event' | 'processing'; readonly time: number }[];
}

export function anyReference(happenings: readonly Happening[], spec: AnySpec): AnyStory {
  const { trigger, evictor, by, lateness } = spec;
  const story: AnyStory = { results: [], late: [], refired: 0, unwindowed: 0, open: [] };
  let windows: Window[] = [];
  let watermark: number = MIN_TIME;
  let processing = 0;

  const last = ({ end }: Span): number => (end === MAX_TIME ? MAX_TIME : end - 1);
  const clearedAt = (span: Span): number => {
    if (span.end === MAX_TIME) return Number.POSITIVE_INFINITY;
    return by === 'event' ? last(span) + lateness : span.end;
  };
  const isCleared = (span: Span): boolean => by === 'event' && clearedAt(span) <= watermark;
  const isOver = (span: Span): boolean => by === 'event' && last(span) <= watermark;

  const contextOf = (window: Window): TriggerContext<unknown> => {
    const ask = (domain: 'event' | 'processing', time: number): void => {
      if (window.timers.some((timer) => timer.domain === domain && timer.time === time)) return;
      window.timers.push({ domain, time });
    };
    return {
      window: { start: window.start, end: window.end } as never,
      windowTime: by,
      watermark: watermark as never,
      processingTime: processing as never,
      get state() {
        return window.memory;
      },
      set state(memory) {
        window.memory = memory;
      },
      atEventTime: (time) => ask('event', time),
      atProcessingTime: (time) => ask('processing', time),
    };
  };

  const evict = (window: Window): void => {
    if (evictor !== undefined) window.held = [...evictor.keep(window.held)];
  };
  const decide = (window: Window, decision: TriggerDecision): void => {
    if (decision === 'continue') return;
    if (decision !== 'purge' && window.held.length > 0) {
      if (evictor?.when === 'before') evict(window);
      if (window.held.length > 0) {
        const { key, start, end, held } = window;
        const latest = Math.max(...held.map(({ time }) => time));
        const told = held.map(({ value }) => value.v);
        story.results.push({ key, start, end, told, time: end === MAX_TIME ? latest : end - 1 });
        if (evictor?.when === 'after') evict(window);
      }
    }
    if (decision === 'fire') return;
    window.held = [];
    const isForgotten = window.end === MAX_TIME && window.memory === undefined && window.timers.length === 0;
    if (isForgotten) windows = windows.filter((other) => other !== window);
  };

  const add = (window: Window, record: Rec): void => {
    if (!windows.includes(window)) windows.push(window);
    window.held.push({ value: record, time: record.time as never });
    decide(window, trigger.onRecord(record, record.time as never, contextOf(window)));
  };
  const fresh = (key: string, id: number, { start, end }: Span): Window => {
    return { key, id, start, end, held: [], memory: undefined, timers: [] };
  };

  const addToSession = (record: Rec, at: number): void => {
    const span = { start: at, end: at + record.gap };
    const touching = windows
      .filter(({ key, start, end }) => key === record.key && start <= span.end && end >= span.start)
      .sort((a, b) => a.id - b.id);
    if (touching.length === 0 && isCleared(span)) {
      story.late.push(record);
      return;
    }
    const start = Math.min(at, ...touching.map((window) => window.start));
    const end = Math.max(span.end, ...touching.map((window) => window.end));
    const [first] = touching;
    let session = first ?? fresh(record.key, at, span);
    if (first !== undefined && (touching.length > 1 || first.start !== start || first.end !== end)) {
      session = fresh(record.key, first.id, { start, end });
      session.held = touching.flatMap(({ held }) => held);
      windows = [...windows.filter((window) => !touching.includes(window)), session];
      const memories = touching.map(({ memory }) => memory).filter((memory) => memory !== undefined);
      trigger.onMerge?.(memories, contextOf(session));
    }
    if (isOver(session)) story.refired++;
    add(session, record);
  };

  const addToEach = (record: Rec, spans: readonly Span[]): void => {
    const open = spans.filter((span) => !isCleared(span));
    if (spans.length === 0) story.unwindowed++;
    else if (open.length === 0) story.late.push(record);
    else if (open.some(isOver)) story.refired++;
    for (const span of open) {
      const there = windows.find(
        ({ key, start, end }) => key === record.key && start === span.start && end === span.end,
      );
      add(there ?? fresh(record.key, span.end, span), record);
    }
  };

  const moveTo = (domain: 'event' | 'processing', limit: number): void => {
    for (;;) {
      const due = windows
        .flatMap((window) => [
          ...window.timers
            .filter((timer) => timer.domain === domain)
            .map(({ time }) => ({ window, time, clears: false })),
          ...(by === domain ? [{ window, time: clearedAt(window), clears: true }] : []),
        ])
        .filter(({ time }) => time <= limit)
        .sort(
          (a, b) =>
            a.time - b.time ||
            (a.window.key < b.window.key ? -1 : a.window.key > b.window.key ? 1 : 0) ||
            a.window.id - b.window.id ||
            Number(a.clears) - Number(b.clears),
        );
      const [next] = due;
      if (next === undefined) return;
      const { window, time } = next;
      if (next.clears) {
        windows = windows.filter((other) => other !== window);
        continue;
      }
      window.timers = window.timers.filter((timer) => timer.domain !== domain || timer.time !== time);
      const context = contextOf(window);
      const decision =
        domain === 'event'
          ? trigger.onEventTime?.(time as never, context)
          : trigger.onProcessingTime?.(time as never, context);
      decide(window, decision ?? 'continue');
    }
  };

  for (const happening of happenings) {
    if ('record' in happening) {
      const { record } = happening;
      const at = by === 'event' ? record.time : processing;
      if (spec.windows === 'session') addToSession(record, at);
      else if (spec.windows === 'global') addToEach(record, [{ start: MIN_TIME, end: MAX_TIME }]);
      else addToEach(record, spec.windows(at));
    } else if ('watermark' in happening) {
      if (happening.watermark > watermark) {
        watermark = happening.watermark;
        moveTo('event', watermark);
      }
    } else {
      processing = Math.max(processing, happening.processing);
      moveTo('processing', processing);
    }
    story.open.push(windows.length);
  }
  return story;
}
