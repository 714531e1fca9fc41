// What the probe's function has written down, and what follows from it. Nothing here waits or asks anybody.
import type { ProbeBeat, ProbeCall, ProbeEnd } from '../../functions/probe-record.ts';

/** A call, and how it ended; without an end it ran into its time limit, or its process died. */
export interface SeenCall extends ProbeCall {
  /** Of the records that tell of it. */
  readonly name: string;
  readonly end?: ProbeEnd;
  readonly beats: readonly ProbeBeat[];
}

/** Deliveries, in the order in which they began. */
export const deliveriesIn = (calls: readonly SeenCall[]): readonly SeenCall[] =>
  calls.filter(({ cause }) => cause === 'delivery').toSorted((a, b) => a.start - b.start);

/** Deliveries that held the record with this id, in their order. */
export const deliveriesOf = (calls: readonly SeenCall[], id: string): readonly SeenCall[] =>
  deliveriesIn(calls).filter(({ records = [] }) => records.some((record) => record.id === id));

/** Offsets of a delivery by partition, ascending. */
export function offsetsOf({ records = [] }: SeenCall): ReadonlyMap<number, readonly number[]> {
  const byPartition = Map.groupBy(records, ({ partition }) => partition);
  return new Map(
    [...byPartition].map(([partition, list]) => [partition, list.map(({ offset }) => offset).sort((a, b) => a - b)]),
  );
}

/** When a call was over at the latest. */
export const overAt = ({ end, start, left, beats }: SeenCall): number =>
  end?.at ?? Math.max(start + left, ...beats.map(({ at }) => at));

/** Two deliveries of one partition that were under way at the same time, and for how many milliseconds. */
export interface Overlap {
  readonly partition: number;
  readonly first: string;
  readonly second: string;
  readonly ms: number;
}

export function overlapsIn(calls: readonly SeenCall[]): readonly Overlap[] {
  const latest = new Map<number, SeenCall>();
  const overlaps: Overlap[] = [];
  for (const call of deliveriesIn(calls)) {
    for (const partition of offsetsOf(call).keys()) {
      const before = latest.get(partition);
      // Clocks of processes differ: a millisecond or two say nothing.
      const ms = before === undefined ? 0 : overAt(before) - call.start;
      if (before !== undefined && ms > CLOCKS) overlaps.push({ partition, first: before.name, second: call.name, ms });
      if (before === undefined || overAt(before) < overAt(call)) latest.set(partition, call);
    }
  }
  return overlaps;
}

const CLOCKS = 20;

/** How often records came again, and whether in order. */
export interface Repetition {
  /** Records that were delivered. */
  readonly records: number;
  /** Deliveries of records that had been delivered in a call that succeeded. */
  readonly afterSuccess: number;
  /** Deliveries of records that had been delivered in calls that did not. */
  readonly afterFailure: number;
  /** Records that came for the first time when a later one of their partition had come before. */
  readonly outOfOrder: number;
}

export function repetitionIn(calls: readonly SeenCall[]): Repetition {
  const outcomes = new Map<string, boolean>();
  const highest = new Map<number, number>();
  let [afterSuccess, afterFailure, outOfOrder] = [0, 0, 0];
  for (const call of deliveriesIn(calls)) {
    for (const [partition, offsets] of offsetsOf(call)) {
      for (const offset of offsets) {
        const name = `${partition}/${offset}`;
        const before = outcomes.get(name);
        if (before === true) afterSuccess++;
        else if (before === false) afterFailure++;
        else if (offset < (highest.get(partition) ?? -1)) outOfOrder++;
        outcomes.set(name, before === true || call.end?.outcome === 'done');
        highest.set(partition, Math.max(offset, highest.get(partition) ?? -1));
      }
    }
  }
  return { records: outcomes.size, afterSuccess, afterFailure, outOfOrder };
}

/** How deliveries are cut. */
export interface Mixing {
  readonly deliveries: number;
  /** Of them with records of more than one partition. */
  readonly mixed: number;
  readonly meanRecords: number;
  /** Milliseconds from when a delivery's first record was made until it began; the middle one. */
  readonly delay: number;
}

export function mixingIn(calls: readonly SeenCall[]): Mixing {
  const deliveries = deliveriesIn(calls);
  const records = deliveries.reduce((sum, each) => sum + (each.records?.length ?? 0), 0);
  const delays = deliveries
    .map(({ start, records = [] }) => start - Math.min(...records.map(({ timestamp }) => timestamp)))
    .sort((a, b) => a - b);
  return {
    deliveries: deliveries.length,
    mixed: deliveries.filter((each) => offsetsOf(each).size > 1).length,
    meanRecords: deliveries.length === 0 ? 0 : records / deliveries.length,
    delay: delays[delays.length >> 1] ?? 0,
  };
}

/** Whether two deliveries held the same records. */
export function holdSame(a: SeenCall, b: SeenCall): boolean {
  const text = (call: SeenCall): string => JSON.stringify([...offsetsOf(call)].sort(([p], [q]) => p - q));
  return text(a) === text(b);
}

/** Milliseconds between the end of each delivery and the beginning of the next. */
export const pausesBetween = (deliveries: readonly SeenCall[]): readonly number[] =>
  deliveries.slice(1).map((each, i) => each.start - overAt(deliveries[i] as SeenCall));

/** Milliseconds behind its time limit at which a call still worked; 0 where it was ended at once. */
export const outlived = (call: SeenCall): number => Math.max(0, ...call.beats.map(({ left }) => -left));

/** Seconds with one digit. */
export const secondsText = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** Whether records with these ids were all delivered in calls that succeeded. */
export const came =
  (...ids: readonly string[]) =>
  (calls: readonly SeenCall[]): boolean =>
    ids.every((id) => deliveriesOf(calls, id).some(({ end }) => end?.outcome === 'done'));

/** Most calls that one process worked on at once. */
export function mostAtOnce(calls: readonly SeenCall[]): number {
  let most = 0;
  for (const own of Map.groupBy(calls, ({ instance }) => instance).values()) {
    for (const { start } of own) {
      most = Math.max(most, own.filter((other) => other.start <= start && overAt(other) > start).length);
    }
  }
  return Math.max(most, calls.length > 0 ? 1 : 0);
}
