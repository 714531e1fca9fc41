/**
 * One task's end of an edge: sorts records into frames, one per downstream partition, each with its positions and the watermark's steps in their place.
 *
 * 1. Positions of a channel ascend: cause = the message in hand, k = how many records it has put on this edge before.
 * 2. A step stands after the records that preceded it; the watermark at a frame's end is never ahead of what the frame holds.
 * 3. `prev` is the `thru` of the frame sent before to that partition; `thru` is how far this one speaks.
 */
import {
  ALL,
  type KeyId,
  keyIdOf,
  MIN_TIME,
  MillraceError,
  NOTHING,
  type Position,
  partitionOf,
} from '../model/index.ts';
import type { Receiver } from '../operators/index.ts';
import type { EdgePlan } from '../plan/index.ts';
import { bucket, controlGridOf, type Frame, nextBoundary } from '../protocol/index.ts';
import type { Unit } from './unit.ts';

/** What was said last on a channel. */
export interface Sent {
  readonly thru: Position;
  /** MIN_TIME: nothing yet. */
  readonly watermark: number;
  readonly spoken: boolean;
  /** Steps since then that have not been said, because nobody could be waiting for them: they open the next frame, so that where batches were cut makes no difference. */
  readonly steps?: readonly number[];
}

/** Steps that wait for a frame before they get one without records; bounds what a commit holds. */
const MANY_STEPS = 64;

/** A frame under construction. */
interface Draft {
  values: unknown[];
  keys: (KeyId | undefined)[];
  times: number[];
  causes: number[];
  ks: number[];
  steps: number[];
  /** Watermark of the last step, or the one last sent. */
  watermark: number;
}

export interface EdgeMark {
  readonly lengths: readonly number[];
  readonly steps: readonly number[];
  readonly watermarks: readonly number[];
  readonly cause: number;
  readonly k: number;
}

/** The author's functions that say where a record goes. */
export interface Routes {
  readonly keyOf?: ((value: unknown) => unknown) | undefined;
  readonly partitionOf?: ((value: unknown, partitions: number) => number) | undefined;
}

export class EdgeOutput implements Receiver {
  readonly edge: EdgePlan;
  readonly partitions: number;
  readonly sent: Sent[];
  /** If set, looks at every record and throws what is wrong with it. */
  inspect: ((value: unknown, key: KeyId | undefined) => void) | undefined;
  /** Whether the partition is the key's. */
  readonly #sorts: boolean;
  readonly #keyed: boolean;
  /** Whether each record goes to all partitions, at one position. */
  readonly #everywhere: boolean;
  readonly #keyOf: Routes['keyOf'];
  readonly #partitionOf: Routes['partitionOf'];
  readonly #unit: Unit;
  readonly #task: number;
  readonly #drafts: Draft[];
  /** Grid on which steps between records are recorded; infinite: none. */
  readonly #grid: number;
  readonly #controlGrid: number;
  /** No step is due below this watermark. */
  #boundary = MIN_TIME as number;
  #cause = -1;
  #k = 0;

  constructor(
    edge: EdgePlan,
    partitions: number,
    task: number,
    unit: Unit,
    sent: readonly Sent[] | undefined,
    { keyOf, partitionOf }: Routes = {},
  ) {
    this.edge = edge;
    this.partitions = partitions;
    this.#task = task;
    this.#unit = unit;
    this.#sorts = edge.partitioning.kind === 'key';
    this.#everywhere = edge.partitioning.kind === 'broadcast';
    this.#keyed = this.#sorts || (edge.carriesKey === true && !this.#everywhere);
    this.#keyOf = keyOf;
    this.#partitionOf = partitionOf;
    this.#grid = edge.steps === 'every' ? 1 : edge.steps === 'none' ? Number.POSITIVE_INFINITY : edge.steps;
    this.#controlGrid = controlGridOf(edge.steps);
    this.sent = Array.from(
      { length: partitions },
      (_, q) => sent?.[q] ?? { thru: NOTHING, watermark: MIN_TIME, spoken: false },
    );
    this.#drafts = this.sent.map((s) => draft(s.steps?.at(-1) ?? s.watermark, s.steps));
    this.#findBoundary();
  }

  record(value: unknown, time: number, key: KeyId | undefined): void {
    const cause = this.#unit.cause;
    if (cause !== this.#cause) {
      this.#cause = cause;
      this.#k = 0;
    }
    if (this.#everywhere) {
      if (this.inspect !== undefined) this.inspect(value, key);
      for (const to of this.#drafts) put(to, value, time, cause, this.#k);
      this.#k++;
      return;
    }
    let to: Draft;
    if (this.#sorts) {
      const id = this.#keyOf === undefined ? carried(key) : idOf(this.#keyOf(value));
      if (this.inspect !== undefined) this.inspect(value, id);
      to = this.#drafts[this.partitions === 1 ? 0 : partitionOf(id, this.partitions)]!;
      to.keys.push(id);
    } else {
      if (this.inspect !== undefined) this.inspect(value, key);
      to = this.#drafts[this.#place(cause, value)]!;
      if (this.#keyed) to.keys.push(key);
    }
    put(to, value, time, cause, this.#k++);
  }

  /** The stage's watermark has moved to `watermark`. */
  watermark(watermark: number): void {
    if (watermark < this.#boundary) return;
    const grid = this.#grid;
    for (const to of this.#drafts) {
      if (watermark <= to.watermark) continue;
      if (bucket(watermark, grid) !== bucket(to.watermark, grid)) {
        to.steps.push(to.values.length, watermark);
        to.watermark = watermark;
      }
    }
    this.#findBoundary();
  }

  mark(): EdgeMark {
    return {
      lengths: this.#drafts.map((d) => d.values.length),
      steps: this.#drafts.map((d) => d.steps.length),
      watermarks: this.#drafts.map((d) => d.watermark),
      cause: this.#cause,
      k: this.#k,
    };
  }

  rollback(mark: EdgeMark): void {
    this.#drafts.forEach((d, q) => {
      cut(d, mark.lengths[q]!, mark.steps[q]!);
      d.watermark = mark.watermarks[q]!;
    });
    this.#cause = mark.cause;
    this.#k = mark.k;
    this.#findBoundary();
  }

  /** Shows the first waiting record of each partition. */
  sample(look: (value: unknown) => void): void {
    for (const d of this.#drafts) if (d.values.length > 0) look(d.values[0]);
  }

  /** Records that wait to be sent. */
  get pending(): number {
    let n = 0;
    for (const d of this.#drafts) n += d.values.length;
    return n;
  }

  /**
   * The frames of a batch that ends before offset `upTo`, with `watermark` as its last; nothing for partitions to which there is nothing to say.
   * Afterwards `sent` says they were sent. `exact`: a change of the watermark must be passed on however small (it came from a claim or an end).
   */
  frames(
    run: string,
    epoch: number,
    upTo: number,
    watermark: number,
    channels: number,
    exact: boolean,
  ): { partition: number; frame: Frame }[] {
    const thru: Position = { cause: upTo - 1, k: ALL };
    const frames: { partition: number; frame: Frame }[] = [];
    for (let q = 0; q < this.partitions; q++) {
      const d = this.#drafts[q]!;
      const sent = this.sent[q]!;
      const reached = Math.max(watermark, d.watermark);
      if (d.values.length === 0 && d.steps.length < 2 * MANY_STEPS && !this.#news(sent, reached, exact)) {
        if (d.steps.length !== (sent.steps?.length ?? 0)) this.sent[q] = { ...sent, steps: d.steps.slice() };
        continue;
      }
      if (reached > d.watermark) d.steps.push(d.values.length, reached);
      frames.push({
        partition: q,
        frame: {
          kind: 'frame',
          run,
          channel: { edge: this.edge.id, task: this.#task },
          channels,
          epoch,
          prev: sent.thru,
          thru,
          values: d.values,
          keys: this.#keyed ? d.keys : undefined,
          times: d.times,
          causes: d.causes,
          ks: d.ks,
          steps: d.steps,
        },
      });
      this.sent[q] = { thru, watermark: reached, spoken: true };
      this.#drafts[q] = draft(reached);
    }
    this.#findBoundary();
    return frames;
  }

  #news(sent: Sent, watermark: number, exact: boolean): boolean {
    if (watermark === MIN_TIME || watermark <= sent.watermark) return false;
    const end = watermark === Number.MAX_SAFE_INTEGER;
    if (this.#controlGrid === Number.POSITIVE_INFINITY) return end;
    if (!sent.spoken || exact || end) return true;
    return bucket(watermark, this.#controlGrid) !== bucket(sent.watermark, this.#controlGrid);
  }

  #place(cause: number, value: unknown): number {
    switch (this.edge.partitioning.kind) {
      case 'custom':
        return placeIn(this.partitions, this.#partitionOf!(value, this.partitions));
      case 'rebalance':
        return cause % this.partitions;
      case 'gather':
        return 0;
      default:
        return Math.abs(this.#task) % this.partitions;
    }
  }

  #findBoundary(): void {
    if (this.#grid === Number.POSITIVE_INFINITY) {
      this.#boundary = Number.POSITIVE_INFINITY;
      return;
    }
    let least = Number.POSITIVE_INFINITY;
    for (const d of this.#drafts) least = Math.min(least, d.watermark);
    this.#boundary = nextBoundary(least, this.#grid);
  }
}

function put(to: Draft, value: unknown, time: number, cause: number, k: number): void {
  to.values.push(value);
  to.times.push(time);
  to.causes.push(cause);
  to.ks.push(k);
}

const idOf = (key: unknown): KeyId => (typeof key === 'string' && key.charCodeAt(0) !== 0 ? key : keyIdOf(key));

/** The key that a record comes with, which is an identity already. */
function carried(key: KeyId | undefined): KeyId {
  if (key !== undefined) return key;
  throw new MillraceError('internal', 'a record without a key came to an exchange that hands keys on');
}

/** The task that a partitioner named. */
function placeIn(partitions: number, named: unknown): number {
  if (Number.isInteger(named) && (named as number) >= 0 && (named as number) < partitions) return named as number;
  const what = named instanceof Promise ? 'a promise' : String(named);
  throw new MillraceError('operator-failed', `the partitioner returned ${what}, which is none of ${partitions} tasks`, {
    hint: `return a whole number from 0 to ${partitions - 1}`,
  });
}

const draft = (watermark: number, steps: readonly number[] = []): Draft => ({
  values: [],
  keys: [],
  times: [],
  causes: [],
  ks: [],
  steps: [...steps],
  watermark,
});

function cut(d: Draft, length: number, steps: number): void {
  d.values.length = length;
  d.times.length = length;
  d.causes.length = length;
  d.ks.length = length;
  if (d.keys.length > length) d.keys.length = length;
  d.steps.length = steps;
}
