/** Windows by their definition: every evaluator holds all records and computes each result anew from them. Slow and plain. */
import { MAX_TIME, MIN_TIME } from '../../../lib/model/index.ts';

export interface Rec {
  readonly key: string;
  readonly time: number;
  readonly v: number;
  readonly gap: number;
}

/** What happens to an operator, in order: a record comes, or the watermark moves. */
export type Event = { readonly record: Rec } | { readonly watermark: number };

/** What an operator did: results in order, and each record's fate. */
export interface Story {
  readonly results: Result[];
  readonly late: Rec[];
  onTime: number;
  refired: number;
  unwindowed: number;
}

export interface Result {
  readonly key: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly n: number;
  readonly sum: number;
  readonly all: readonly number[];
  readonly time: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Window extends Span {
  readonly key: string;
  readonly members: Rec[];
}

const story = (): Story => ({ results: [], late: [], onTime: 0, refired: 0, unwindowed: 0 });

function resultOf({ key, start, end, members }: Window): Result {
  const sorted = [...members].sort((a, b) => a.time - b.time);
  return {
    key,
    windowStart: start,
    windowEnd: end,
    n: members.length,
    sum: members.reduce((sum, { v }) => sum + v, 0),
    all: sorted.map(({ v }) => v),
    time: end - 1,
  };
}

const byTimeThenKey = (a: Window, b: Window): number => a.end - b.end || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** Windows whose bounds do not depend on records. `spansOf` lists those that hold a time, from the latest. */
export function fixedReference(events: readonly Event[], spansOf: (time: number) => Span[], lateness: number): Story {
  const told = story();
  const windows: Window[] = [];
  let watermark: number = MIN_TIME;
  for (const event of events) {
    if ('watermark' in event) {
      const before = watermark;
      watermark = Math.max(watermark, event.watermark);
      const due = windows.filter(({ end }) => end - 1 > before && end - 1 <= watermark);
      told.results.push(...due.sort(byTimeThenKey).map(resultOf));
      continue;
    }
    const { record } = event;
    const spans = spansOf(record.time);
    const open = spans.filter(({ end }) => end - 1 + lateness > watermark);
    if (spans.length === 0) told.unwindowed++;
    else if (open.length === 0) told.late.push(record);
    else if (open.every(({ end }) => end - 1 > watermark)) told.onTime++;
    else told.refired++;
    for (const { start, end } of open) {
      let window = windows.find((w) => w.key === record.key && w.end === end && w.start === start);
      if (window === undefined) {
        window = { key: record.key, start, end, members: [] };
        windows.push(window);
      }
      window.members.push(record);
      if (end - 1 <= watermark) told.results.push(resultOf(window));
    }
  }
  return told;
}

/** Sessions: the connected groups of the records' spans, among records whose session is not cleared yet. */
export function sessionReference(events: readonly Event[], lateness: number): Story {
  const told = story();
  let live: Rec[] = [];
  let watermark: number = MIN_TIME;
  for (const event of events) {
    if ('watermark' in event) {
      const before = watermark;
      watermark = Math.max(watermark, event.watermark);
      const sessions = sessionsOf(live);
      const due = sessions.filter(({ end }) => end - 1 > before && end - 1 <= watermark);
      told.results.push(...due.sort(byTimeThenKey).map(resultOf));
      live = sessions.filter(({ end }) => Math.min(end - 1 + lateness, MAX_TIME) > watermark).flatMap((w) => w.members);
      continue;
    }
    const { record } = event;
    const session = sessionsOf([...live, record]).find(({ members }) => members.includes(record))!;
    if (session.end - 1 + lateness <= watermark) {
      told.late.push(record);
      continue;
    }
    live.push(record);
    if (session.end - 1 <= watermark) {
      told.refired++;
      told.results.push(resultOf(session));
    } else told.onTime++;
  }
  return told;
}

function sessionsOf(records: readonly Rec[]): Window[] {
  const sessions: { key: string; start: number; end: number; members: Rec[] }[] = [];
  for (const record of [...records].sort((a, b) => a.time - b.time)) {
    const last = sessions.findLast(({ key }) => key === record.key);
    if (last !== undefined && record.time <= last.end) {
      last.members.push(record);
      last.end = Math.max(last.end, record.time + record.gap);
    } else sessions.push({ key: record.key, start: record.time, end: record.time + record.gap, members: [record] });
  }
  return sessions;
}

export function tumblingSpans(size: number, offset: number): (time: number) => Span[] {
  return hoppingSpans(size, size, offset);
}

export function hoppingSpans(size: number, slide: number, offset: number): (time: number) => Span[] {
  return (time) => {
    const spans: Span[] = [];
    for (let start = time; start > time - size; start--) {
      if ((((start - offset) % slide) + slide) % slide === 0) spans.push({ start, end: start + size });
    }
    return spans;
  };
}

export function cumulatingSpans(size: number, step: number, offset: number): (time: number) => Span[] {
  return (time) => {
    let start = time;
    while ((((start - offset) % size) + size) % size !== 0) start--;
    const spans: Span[] = [];
    for (let end = start + size; end > time; end -= step) spans.push({ start, end });
    return spans;
  };
}
