/** No more records than so many a span of time, by a token bucket. */
import { type Duration, type KeyId, MAX_TIME, MIN_TIME } from '../model/index.ts';
import type { Cell, CellTable } from '../state/index.ts';
import { definition, isObject, unfit, unknownMistakes } from './author-code.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';
import type { Operator, OperatorContext, Receiver } from './operator.ts';
import { sideName } from './side-output.ts';

/** How many records may go on, and what becomes of the others. */
export interface RateLimit {
  /** So many records ... */
  readonly limit: number;
  /** ... in so much time: `{ limit: 100, per: seconds(1) }`. */
  readonly per: Duration;
  /** How many may go on at once after a pause. Default: `limit`. */
  readonly burst?: number;
  /**
   * `event` (default): by the records' own times, in which an earlier time than one before of the key, or than the watermark, counts as that one; the same at every run but for late
   * records. `processing`: by when they come to the task, as its log has it.
   */
  readonly by?: 'event' | 'processing';
  /** What becomes of a record that is too much: it is dropped, or waits in the state until its turn, behind those before it of its key. */
  readonly excess: 'drop' | 'delay';
  /** How many records of a key may wait for a token; what comes on top is dropped. Default: 1,000. */
  readonly maxDelayed?: number;
  /** Where dropped records go, as they came: read it by `sideOutput(tag)` of the results. Without it they are only counted. */
  readonly dropped?: { readonly side: string };
}

export const rateLimitNames = ['limit', 'per', 'burst', 'by', 'excess', 'maxDelayed', 'dropped'] as const;

/** Most records of a key that may be waiting for a token, unless said otherwise. */
const MAX_DELAYED = 1_000;

/**
 * Each key's records through a token bucket: it holds at most `burst` tokens, gains `limit` of them evenly in each span `per`, and a record takes one. So of each key
 * at most `burst + limit * t / per` records go on in any time t. It is computed as the generic cell rate algorithm (ITU-T I.371, virtual scheduling), in whole numbers
 * without rounding.
 *
 * A record that finds no token is dropped (counted as `limited`) or waits for one; records of a key go on in the order in which they came. What waits goes on by a timer, so that code
 * behind it fails for it alone: by event time when the watermark is there, and one of its key that finds a token meanwhile waits behind it. Where records may wait, each has by event time
 * the time at which it had its token, which is not before that of another before it of its key: so it is not late for what follows, and the same wherever the watermark was. By
 * processing time records keep their own, and what works by event time behind may find them late. When all input has ended by event time, all go on, and what is
 * replayed after that is not limited.
 *
 * By event time a late record counts as one of the watermark's time: a bucket that the watermark has seen full is then the same as none, and is forgotten.
 *
 * State: five numbers for each key whose bucket is not full, and the records that wait.
 */
export function rateLimitOperator(rate: RateLimit): OperatorDefinition {
  if (!isObject(rate)) return unfit('rate-limit', rate, "give it { limit: 100, per: seconds(1), excess: 'drop' }");
  const { limit, per, burst = limit, by = 'event', excess, maxDelayed = MAX_DELAYED } = rate;
  const dropped = sideName(rate.dropped);
  const delays = excess === 'delay';
  return definition({
    type: 'rate-limit',
    needsKey: true,
    stateful: true,
    eventTime: by === 'event',
    holdsBack: delays && by === 'event',
    processingTime: delays && by === 'processing',
    steps: by === 'event' ? 'every' : 'none',
    state: { buckets: 1, ...(delays ? { waiting: 1 } : {}) },
    options: { layout: by, limit, per, burst, excess, ...(delays ? { maxDelayed } : {}) },
    sides: dropped === undefined ? [] : [dropped],
    mistakes: mistakesIn(rate),
    code: {
      create: (context) => new RateLimiting(context, { limit, per, burst, by, delays, maxDelayed }, dropped),
    },
  });
}

interface Given {
  readonly limit: number;
  readonly per: number;
  readonly burst: number;
  readonly by: 'event' | 'processing';
  readonly delays: boolean;
  readonly maxDelayed: number;
}

/** A record that waits; the place of its cell under the key is its number. */
interface Waiting {
  readonly value: unknown;
  readonly time: number;
}

/** A bucket: the latest time seen; when it is full again, in milliseconds and in parts of one, `limit` to the millisecond; numbers of the first record that waits for a token, and of the next. */
type Bucket = [now: number, full: number, part: number, first: number, next: number];

class RateLimiting implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #given: Given;
  readonly #out: Receiver;
  readonly #dropped: Receiver | undefined;
  readonly #buckets: CellTable<Bucket>;
  readonly #waiting: CellTable<Waiting> | undefined;
  /** Milliseconds and parts that a record adds to the time at which its bucket is full. */
  readonly #step: readonly [number, number];
  /** How far ahead that time may be for a record to find a token. */
  readonly #ahead: readonly [number, number];

  constructor(context: OperatorContext, given: Given, droppedSide: string | undefined) {
    const { limit, per, burst, by, delays } = given;
    this.#context = context;
    this.#given = given;
    this.#out = context.output();
    this.#dropped = droppedSide === undefined ? undefined : context.output(droppedSide);
    this.#step = split(per, limit);
    this.#ahead = split((burst - 1) * per, limit);
    this.#buckets = context.table<Bucket>('buckets', {
      clone: (bucket) => [...bucket],
      numbers: true,
      domain: `${by}-ttl`,
    });
    this.#waiting = delays
      ? context.table<Waiting>('waiting', {
          clone: (waiting) => waiting,
          domain: by,
          onTimer: (cell, due) => this.#emit(cell, due),
        })
      : undefined;
    this.inputs = [{ record: (value, time, key) => this.#record(value, time, key!) }];
  }

  #record(value: unknown, time: number, key: KeyId): void {
    const { by, limit, delays } = this.#given;
    const { watermark, processingTime } = this.#context.time;
    if (by === 'event' && watermark === MAX_TIME) {
      this.#out.record(value, time, key);
      return;
    }
    const seen = by === 'event' ? Math.max(time, watermark) : processingTime;
    const cell = this.#buckets.find(key, undefined) ?? this.#buckets.create(key, undefined, [seen, seen, 0, 0, 0]);
    this.#buckets.touch(cell);
    const bucket = cell.value;
    const now = Math.max(bucket[0], seen);
    bucket[0] = now;
    if (bucket[2] >= limit) fill(bucket, bucket[1] + 1, 0);
    if (bucket[1] < now) fill(bucket, now, 0);
    const wait = this.#waitOf(bucket, now);
    const last = this.#waiting?.find(key, bucket[4] - 1);
    const goesOn = wait === 0 && last === undefined;
    if (goesOn) this.#take(bucket);
    else if (!this.#hold(cell, { value, time }, Math.max(now + wait, last?.timer ?? MIN_TIME))) {
      this.#context.count('limited', 1);
      this.#dropped?.record(value, time, key);
    }
    this.#buckets.schedule(cell, bucket[1] + (bucket[2] > 0 ? 1 : 0));
    if (goesOn) this.#out.record(value, by === 'event' && delays ? now : time, key);
  }

  /** Milliseconds until there is a token. */
  #waitOf(bucket: Bucket, now: number): number {
    const [ahead, part] = this.#ahead;
    const wait = bucket[1] - ahead - now;
    return Math.max(0, bucket[2] > part ? wait + 1 : wait);
  }

  /** Takes a token, be it one that is not there yet. */
  #take(bucket: Bucket): void {
    const { limit } = this.#given;
    const [ms, parts] = this.#step;
    const part = bucket[2] + parts;
    if (part >= limit) fill(bucket, bucket[1] + ms + 1, part - limit);
    else fill(bucket, bucket[1] + ms, part);
  }

  /** Lets a record wait until `due`; false if there is no room. Those whose time the key's records have reached take up none, so that it does not matter where the watermark is. */
  #hold({ key, value: bucket }: Cell<Bucket>, record: Waiting, due: number): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return false;
    while (bucket[3] < bucket[4] && (waiting.find(key, bucket[3])?.timer ?? MIN_TIME) <= bucket[0]) bucket[3]++;
    if (bucket[4] - bucket[3] >= this.#given.maxDelayed) return false;
    this.#take(bucket);
    waiting.schedule(waiting.create(key, bucket[4]++, record), due);
    return true;
  }

  /** A record goes on whose turn has come. */
  #emit(cell: Cell<Waiting>, due: number): void {
    const { key } = cell;
    const { value, time } = cell.value;
    this.#waiting!.remove(cell);
    this.#out.record(value, this.#given.by === 'event' ? due : time, key);
  }
}

/** `n / limit` as a whole number and the rest. */
const split = (n: number, limit: number): readonly [number, number] => [Math.floor(n / limit), n % limit];

function fill(bucket: Bucket, full: number, part: number): void {
  bucket[1] = full;
  bucket[2] = part;
}

function mistakesIn(rate: RateLimit): Mistake[] {
  const { limit, per, burst = limit, by, excess, maxDelayed } = rate;
  const mistakes = unknownMistakes(rate, rateLimitNames);
  const whole = (name: string, value: number | undefined): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
    mistakes.push({ rule: `its ${name} is ${value}`, fix: 'give a whole number from 1' });
  };
  whole('limit', limit);
  whole('burst', burst === limit ? undefined : burst);
  whole('maxDelayed', maxDelayed);
  if (!(Number.isSafeInteger(per) && per >= 1)) {
    mistakes.push({
      rule: per === undefined ? 'it has no span of time' : `its limit is per ${per} ms`,
      fix: 'give a span: per: seconds(1)',
    });
  }
  if (mistakes.length === 0 && !Number.isSafeInteger(burst * per)) {
    mistakes.push({ rule: `a burst of ${burst} at ${limit} per ${per} ms takes too long`, fix: 'lower burst or per' });
  }
  if (by !== undefined && by !== 'event' && by !== 'processing') {
    mistakes.push({ rule: `it goes by '${String(by)}'`, fix: `use 'event' or 'processing'` });
  }
  if (excess !== 'drop' && excess !== 'delay') {
    mistakes.push({ rule: `its excess is '${String(excess)}'`, fix: `use 'drop' or 'delay'` });
  }
  return mistakes;
}
