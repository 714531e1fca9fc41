import { type EventTime, type Key, type KeyId, keyOf, MAX_TIME } from '../../model/index.ts';
import { definition, functionMistakes, returnedPromise } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { LONGEST } from '../window/index.ts';
import { JoinBuffer, type Unmatched } from './join-buffer.ts';
import { type JoinKind, keepsLeft, keepsRight } from './join-kind.ts';

/** What a join's function gets beside the two records. One object for all calls: it must not be kept. */
export interface IntervalJoinContext<K = Key> {
  readonly key: K;
  /** The result's event time: the later of the two records'; of an unmatched one, when it became certain that no match can come. */
  readonly eventTime: EventTime;
  /** The left record's event time; undefined without one. */
  readonly leftTime: EventTime | undefined;
  /** The right record's event time; undefined without one. */
  readonly rightTime: EventTime | undefined;
}

/** Of what an interval join is made. */
export interface IntervalJoinSpec {
  readonly kind: JoinKind;
  /** How long after a left record's time (before, if negative) a right one's is at the least, in milliseconds. */
  readonly lower: number;
  /** How long after a left record's time a right one's is at the most, in milliseconds. */
  readonly upper: number;
  readonly lowerExclusive?: boolean | undefined;
  readonly upperExclusive?: boolean | undefined;
  /** How far behind the watermark a record may come and still be joined. Default: 0. */
  readonly allowedLateness?: number | undefined;
  readonly lateLeft?: string | undefined;
  readonly lateRight?: string | undefined;
  /** Makes the result of a pair, or of an unmatched record and undefined. Nothing comes out where it returns undefined. */
  readonly join: (left: never, right: never, ctx: never) => unknown;
}

/** The tables of buffered records. */
const LEFT = '$left';
const RIGHT = '$right';

/**
 * Joins the records of two streams under one key whose event times differ by no more than the bounds allow: left at t with right at [t + lower, t + upper].
 *
 * 1. Each pair comes out once, when the second of its records comes, with the later of their times. Matches of one record come in the order of their time,
 *    of one time in the order in which they came.
 * 2. A record at or before the watermark less the allowed lateness is late: it is counted, goes to its side's late output, and is joined with nothing.
 * 3. A record is dropped when the watermark has reached the last time at which a match that is not late can have, plus the allowed lateness. If it never
 *    had a match and the kind keeps its side, it comes out then, once, with that time (or its own, if later): so no window behind the join finds it late.
 *
 * Pairs and lateness are those of Flink's IntervalJoinOperator; unmatched records those of Kafka Streams' KStreamKStreamJoin, but for their time.
 */
export function intervalJoinOperator(spec: IntervalJoinSpec): OperatorDefinition {
  const { kind, lateLeft, lateRight, allowedLateness: allowed = 0 } = spec;
  const lower = spec.lower + (spec.lowerExclusive === true ? 1 : 0);
  const upper = spec.upper - (spec.upperExclusive === true ? 1 : 0);
  const sides = [lateLeft, lateRight].filter((side) => side !== undefined);
  return definition({
    type: 'interval-join',
    options: { lower, upper, allowedLateness: allowed, late: [lateLeft ?? null, lateRight ?? null], layout: kind },
    needsKey: true,
    inputs: ['key', 'key'],
    stateful: true,
    eventTime: true,
    steps: 'every',
    state: { [LEFT]: 1, [RIGHT]: 1 },
    sides: [...new Set(sides)],
    functions: [spec.join],
    mistakes: [
      ...mistakesIn(spec, lower > upper, allowed),
      ...functionMistakes('a join', spec.join, 'give it one: (left, right) => ({ left, right })'),
    ],
    code: { create: (context) => new IntervalJoin(context, spec, lower, upper, allowed) },
  });
}

function mistakesIn({ lower, upper }: IntervalJoinSpec, none: boolean, allowed: number): Mistake[] {
  const mistakes: Mistake[] = [];
  for (const [what, span] of [
    ['lower', lower],
    ['upper', upper],
  ] as const) {
    if (Number.isSafeInteger(span) && Math.abs(span) <= LONGEST) continue;
    mistakes.push({
      rule: `the ${what} bound of a join must be whole milliseconds, not ${span}`,
      fix: 'use minutes(-5), minutes(5) or other durations',
    });
  }
  if (none) {
    mistakes.push({
      rule: `no time lies between the bounds of the join: ${lower} ms and ${upper} ms`,
      fix: 'give the lower bound first: between(minutes(-5), minutes(5))',
    });
  }
  if (!(Number.isSafeInteger(allowed) && allowed >= 0 && allowed <= LONGEST)) {
    mistakes.push({
      rule: `the allowed lateness must be a whole number of milliseconds of at least 0, not ${allowed}`,
      fix: 'use minutes(...) or leave it out',
    });
  }
  return mistakes;
}

type Join = (left: unknown, right: unknown, ctx: IntervalJoinContext) => unknown;

/** One side of the join. */
interface Side {
  readonly buffer: JoinBuffer;
  /** How long after one of its records the other side's match can be at the most. */
  readonly reach: number;
  readonly late: Receiver | undefined;
  readonly alone: Unmatched | undefined;
  pair(value: unknown, time: number, other: unknown, otherTime: number, at: number, key: KeyId): void;
}

/** An interval join of one task; itself the context that the author's code gets. */
class IntervalJoin implements Operator, IntervalJoinContext {
  readonly inputs: readonly Receiver[];
  eventTime = 0 as EventTime;
  leftTime: EventTime | undefined = undefined;
  rightTime: EventTime | undefined = undefined;
  #key: KeyId = '';
  readonly #out: Receiver;
  readonly #join: Join;

  constructor(context: OperatorContext, spec: IntervalJoinSpec, lower: number, upper: number, allowed: number) {
    const { kind } = spec;
    const { time: now } = context;
    this.#out = context.output();
    this.#join = spec.join as Join;
    const aloneLeft: Unmatched = (value, time, due, key) =>
      this.#emit(value, undefined, time, undefined, Math.max(time, due), key);
    const aloneRight: Unmatched = (value, time, due, key) =>
      this.#emit(undefined, value, undefined, time, Math.max(time, due), key);
    const left = sideOf(
      context,
      LEFT,
      upper,
      spec.lateLeft,
      keepsLeft(kind) ? aloneLeft : undefined,
      (l, t, r, u, at, key) => this.#emit(l, r, t, u, at, key),
    );
    const right = sideOf(
      context,
      RIGHT,
      -lower,
      spec.lateRight,
      keepsRight(kind) ? aloneRight : undefined,
      (r, u, l, t, at, key) => this.#emit(l, r, t, u, at, key),
    );
    const found: number[] = [];
    const side = (own: Side, other: Side): Receiver => ({
      record: (value, time, id) => {
        if (time + allowed <= now.watermark) {
          context.count('late', 1);
          own.late?.record(value, time, id);
          return;
        }
        const key = id as KeyId;
        const n = other.buffer.find(key, time - other.reach, time + own.reach, found);
        const due = Math.min(time + own.reach + allowed, MAX_TIME);
        if (due > now.watermark) own.buffer.hold(key, time, value, n > 0, due);
        else if (n === 0) own.alone?.(value, time, time, key);
        for (let f = n - 1; f >= 0; f--) {
          const row = found[f]!;
          const otherTime = other.buffer.timeAt(row);
          const count = other.buffer.countAt(row);
          const at = time > otherTime ? time : otherTime;
          other.buffer.match(row);
          for (let i = 0; i < count; i++) own.pair(value, time, other.buffer.valueAt(row, i), otherTime, at, key);
        }
      },
    });
    this.inputs = [side(left, right), side(right, left)];
  }

  get key(): Key {
    return keyOf(this.#key);
  }

  #emit(
    left: unknown,
    right: unknown,
    leftTime: number | undefined,
    rightTime: number | undefined,
    at: number,
    key: KeyId,
  ): void {
    this.#key = key;
    this.eventTime = at as EventTime;
    this.leftTime = leftTime as EventTime | undefined;
    this.rightTime = rightTime as EventTime | undefined;
    const result = this.#join(left, right, this);
    if (result === undefined) return;
    if (result instanceof Promise) throw returnedPromise('a join');
    this.#out.record(result, at, key);
  }
}

function sideOf(
  context: OperatorContext,
  table: string,
  reach: number,
  late: string | undefined,
  alone: Unmatched | undefined,
  pair: Side['pair'],
): Side {
  const buffer = new JoinBuffer(context, table, alone);
  return { buffer, reach, late: late === undefined ? undefined : context.output(late), alone, pair };
}
