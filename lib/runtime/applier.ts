/**
 * Applies messages to a task's state, in log order. A pure function of (state, message): it reads no clock and calls no port.
 *
 * 1. Time moves only by what the log says: append times and ticks for processing time, frames' steps and claims for event time.
 * 2. A watermark's step comes after the records that preceded it; due timers fire at the step that moved it, in (time, key, table, sub) order.
 * 3. Records at positions already applied are skipped; a frame that presumes a frame never seen stops the task.
 * 4. In a careful attempt every record and every timer is a unit that can be undone alone.
 */
import { type KeyId, keyOf, MAX_TIME, MillraceError } from '../model/index.ts';
import type { Receiver } from '../operators/index.ts';
import type { LogMessage } from '../ports/index.ts';
import { ByteWriter, type Claims, type Frame, nextAttempt, type TaskStatus } from '../protocol/index.ts';
import { type AnyCell, encodeCells, type Mark, NEVER, type TimerQueue } from '../state/index.ts';
import { AsyncFailure } from './async-failure.ts';
import { AttemptOver, FrameGap, failureOf, type GivenUp, isAuthorError } from './attempt.ts';
import type { ChainMark } from './stage-chain.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskState } from './task-state.ts';

/** The way back to a moment within a step. */
interface WayBack {
  readonly store: Mark;
  readonly chain: ChainMark;
}

/** The way back to the beginning of a message: time and channels too. */
interface MessageWayBack extends WayBack {
  readonly channels: ReturnType<TaskState['channels']['snapshot']>;
  readonly watermark: number;
  readonly processingTime: number;
  readonly epoch: number;
  readonly generator: unknown;
  readonly sourceWatermark: number;
  readonly exact: boolean;
  readonly taken: readonly number[];
}

/** Results of a stage's asynchronous operator, per message and record, found before the batch is applied. */
export type AsyncResults = ReadonlyMap<number, readonly unknown[]>;

export class Applier {
  readonly givenUp: GivenUp[] = [];
  /** The watermark moved by a claim, an end or over a barrier: outputs pass it on however small the change. */
  exact = false;
  recordsIn = 0;
  /** Encode what each unit changed, so that a value that cannot be encoded is blamed on the unit. */
  inspectState = false;
  readonly #state: TaskState;
  readonly #host: TaskHost;
  readonly #careful: boolean;
  readonly #now: number;
  readonly #draw: number;
  /** Failures that a restart strategy goes by, where giving a unit up has changed them since the last commit. */
  #history: readonly number[] | undefined;
  /** Units of the message in hand that were given up in earlier attempts. */
  #skip: ReadonlySet<number> = nothing;
  /** Units of the message in hand that were given up in this attempt. */
  #dropped: number[] = [];

  /** `draw`, uniform in [0, 1), is for the jitter of a back-off. */
  constructor(host: TaskHost, state: TaskState, careful: boolean, now: number, draw = 0.5) {
    this.#draw = draw;
    this.#host = host;
    this.#state = state;
    this.#careful = careful;
    this.#now = now;
  }

  /** The task's status, as far as units that were given up have changed it. */
  get status(): TaskStatus {
    const { status } = this.#state;
    return this.#history === undefined || status.kind === 'stopped' ? status : { ...status, history: this.#history };
  }

  /** Applies one message of an internal log. Throws `AttemptOver` in a careful attempt, whatever was thrown in a fast one. */
  message(message: LogMessage, results: AsyncResults | undefined): void {
    this.begin(message.offset);
    const { message: body } = message;
    const isTick = body.kind === 'tick' && body.run === this.#host.run.id;
    this.processingTime(isTick ? Math.max(message.time, body.time) : message.time);
    switch (body.kind) {
      case 'frame':
        if (body.run === this.#host.run.id) this.#frame(body, results?.get(message.offset));
        return;
      case 'claims':
        if (body.run === this.#host.run.id) this.#claims(body);
        return;
      case 'barrier':
        if (body.run !== this.#host.run.id || body.epoch <= this.#state.epoch) return;
        this.#state.epoch = body.epoch;
        this.exact = true;
        return;
      case 'tick':
        return;
    }
  }

  /** Says which message is in hand. */
  begin(offset: number): void {
    const { unit, status } = this.#state;
    unit.cause = offset;
    unit.index = -1;
    unit.frame = undefined;
    if (this.#dropped.length > 0) this.#dropped = [];
    this.#skip = status.kind === 'backoff' && status.offset === offset ? new Set(status.skip) : nothing;
  }

  /** Moves processing time and fires what is due. */
  processingTime(time: number): void {
    const { unit, store } = this.#state;
    unit.moveProcessingTime(time);
    this.#fire(store.processingTimers, unit.processingTime);
    expire(store.processingExpiry, unit.processingTime);
  }

  /** Hands one record to an operator. */
  record(head: Receiver, value: unknown, time: number, key: KeyId | undefined): void {
    const { unit } = this.#state;
    unit.index++;
    unit.draws = 0;
    this.recordsIn++;
    if (this.#careful) this.#carefully(head, value, time, key);
    else head.record(value instanceof AsyncFailure ? this.#raise(value) : value, time, key);
  }

  /** Moves the task's own watermark and fires what is due. */
  advance(watermark: number): void {
    const { unit, store, chain } = this.#state;
    if (watermark <= unit.watermark) return;
    unit.moveWatermark(watermark);
    this.#fire(store.eventTimers, watermark);
    expire(store.eventExpiry, watermark);
    if (watermark === MAX_TIME) this.exact = true;
    else chain.watermark(watermark);
  }

  /** A way back to here. */
  wayBack(): MessageWayBack {
    const { channels, unit, epoch, generator, sourceWatermark } = this.#state;
    return {
      ...this.#unitWayBack(),
      channels: channels.snapshot(),
      watermark: unit.watermark,
      processingTime: unit.processingTime,
      epoch,
      generator: copyOf(generator),
      sourceWatermark,
      exact: this.exact,
      taken: this.#state.chain.takenMark(),
    };
  }

  goBack(to: MessageWayBack): void {
    const state = this.#state;
    this.#unitGoBack(to);
    state.channels.restore(to.channels);
    state.unit.watermark = to.watermark;
    state.unit.processingTime = to.processingTime;
    state.epoch = to.epoch;
    state.generator = to.generator;
    state.sourceWatermark = to.sourceWatermark;
    this.exact = to.exact;
    state.chain.restoreTaken(to.taken);
  }

  #frame(frame: Frame, results: readonly unknown[] | undefined): void {
    const { channels, chain, unit } = this.#state;
    const { edge, task } = frame.channel;
    const head = chain.heads.get(edge);
    if (head === undefined) {
      throw new MillraceError(
        'incompatible',
        `a frame came on the edge "${edge}", which stage "${this.#host.stage.id}" does not have`,
        {
          where: { stage: this.#host.stage.id, partition: this.#host.task.partition, offset: unit.cause },
        },
      );
    }
    const arrival = channels.arrival(frame);
    if (arrival.kind === 'gap') {
      throw new FrameGap(
        `a frame of channel ${edge}#${task} was lost: this one follows ${text(frame.prev)}, the last one seen ended at ${text(arrival.thru)}`,
        {
          where: { stage: this.#host.stage.id, partition: this.#host.task.partition, offset: unit.cause },
          hint: 'a message of an internal topic is gone: check its retention and replication, then start a new run',
        },
      );
    }
    channels.begin(frame);
    const { values, times, keys, steps } = frame;
    const n = values.length;
    let step = 0;
    unit.index += arrival.first;
    unit.frame = frame;
    for (let i = arrival.first; i < n; i++) {
      while (step < steps.length && steps[step]! <= i) {
        this.#step(edge, task, steps[step + 1]!);
        step += 2;
      }
      unit.row = i;
      this.record(
        head,
        results === undefined ? values[i] : results[i],
        times[i]!,
        keys === undefined ? undefined : keys[i],
      );
    }
    for (; step < steps.length; step += 2) this.#step(edge, task, steps[step + 1]!);
    channels.end(frame);
    this.#evaluate();
  }

  #step(edge: string, task: number, watermark: number): void {
    if (this.#state.channels.step(edge, task, watermark)) this.#evaluate();
  }

  #evaluate(): void {
    const { value } = this.#state.channels.watermark();
    if (value !== undefined) this.advance(Math.min(value, MAX_TIME));
  }

  #claims(claims: Claims): void {
    const before = this.#state.unit.watermark;
    this.#state.channels.claim(claims);
    this.#evaluate();
    if (this.#state.unit.watermark > before) this.exact = true;
  }

  #fire(queue: TimerQueue, limit: number): void {
    for (;;) {
      const due = queue.takeDue(limit);
      if (due === undefined) return;
      const time = due[0]!.timer;
      const { unit } = this.#state;
      let at = 0;
      try {
        for (; at < due.length; at++) {
          const cell = due[at]!;
          if (cell.timer !== time) {
            if (cell.timer > time && cell.timer !== NEVER) queue.add(cell);
            continue;
          }
          unit.index++;
          unit.draws = 0;
          unit.cell = cell;
          unit.timer = time;
          if (this.#careful) this.#fireCarefully(cell, time);
          else fireCell(cell, time, this.#state.chain.site);
        }
      } catch (error) {
        for (const cell of due) if (cell.timer === time) queue.add(cell);
        throw error;
      } finally {
        unit.cell = undefined;
      }
    }
  }

  #carefully(head: Receiver, value: unknown, time: number, key: KeyId | undefined): void {
    if (this.#skip.has(this.#state.unit.index)) return;
    const site = this.#state.chain.site.at;
    const back = this.#unitWayBack();
    try {
      head.record(value instanceof AsyncFailure ? this.#raise(value) : value, time, key);
      if (this.inspectState) this.#inspect(back.store);
    } catch (error) {
      this.#over(error, back, this.#original(value), time, key);
    } finally {
      this.#state.chain.site.at = site;
    }
  }

  #fireCarefully(cell: AnyCell, time: number): void {
    if (this.#skip.has(this.#state.unit.index)) {
      cell.table.remove(cell);
      return;
    }
    const back = this.#unitWayBack();
    const { value } = cell;
    try {
      fireCell(cell, time, this.#state.chain.site);
      if (this.inspectState) this.#inspect(back.store);
    } catch (error) {
      this.#over(error, back, value, time, cell.key);
      cell.table.remove(cell);
    }
  }

  #raise({ error, operator }: AsyncFailure): never {
    this.#state.chain.site.at = operator;
    throw error;
  }

  /** The record as it came, where an asynchronous operator's result stands in its place. */
  #original(value: unknown): unknown {
    const { frame, row } = this.#state.unit;
    return frame === undefined ? value : frame.values[row];
  }

  #inspect(since: Mark): void {
    const { store } = this.#state;
    const cells = store.changedSince(since);
    if (cells.length > 0) encodeCells(new ByteWriter(256), store.tables, cells);
  }

  /** A unit threw: undoes it, then gives it up or ends the attempt. */
  #over(error: unknown, back: WayBack, value: unknown, time: number, key: KeyId | undefined): void {
    if (!isAuthorError(error)) throw error;
    const { unit, chain } = this.#state;
    this.#unitGoBack(back);
    this.giveUpOrStop(
      failureOf(error, chain.site.at, this.#now),
      value,
      time,
      key === undefined ? undefined : keyOf(key),
      unit.cause,
      unit.index,
    );
  }

  /** Decides what becomes of a unit that failed: remembers it as given up, or throws `AttemptOver`. */
  giveUpOrStop(
    failure: GivenUp['failure'],
    value: unknown,
    time: number,
    key: unknown,
    cause: number,
    unit: number,
  ): void {
    const { status } = this;
    const operator = failure.operator ?? this.#host.stage.id;
    const faults = this.#faults(operator);
    const next = nextAttempt(faults, status, cause, unit, failure, this.#now, this.#draw, this.#dropped);
    if (next.kind !== 'give-up') throw new AttemptOver(cause, next.status);
    const attempts =
      status.kind === 'backoff' && status.offset === cause && status.unit === unit ? status.attempts + 1 : 1;
    const edge = this.#state.unit.cell === undefined ? this.#state.unit.frame?.channel.edge : undefined;
    this.#history = next.status.history ?? [];
    this.#dropped.push(unit);
    this.givenUp.push({ how: next.how, cause, unit, operator, edge, value, time, key, attempts, failure });
  }

  #faults(operator: string) {
    const { plan } = this.#host;
    const node = plan.nodes.find((n) => n.id === operator);
    return (node?.kind === 'operator' ? node.faults : undefined) ?? plan.faults;
  }

  #unitWayBack(): WayBack {
    const { store, chain } = this.#state;
    return { store: store.mark(), chain: chain.mark() };
  }

  #unitGoBack(to: WayBack): void {
    const { store, chain } = this.#state;
    store.rollback(to.store);
    chain.rollback(to.chain);
  }
}

/** A copy of a watermark generator's state, which is plain data and mostly flat. */
function copyOf(state: unknown): unknown {
  if (typeof state !== 'object' || state === null) return state;
  const flat = Object.getPrototypeOf(state) === Object.prototype && Object.values(state).every(isPrimitive);
  return flat ? { ...state } : structuredClone(state);
}

const isPrimitive = (value: unknown): boolean => typeof value !== 'object' || value === null;

const nothing: ReadonlySet<number> = new Set();

function fireCell(cell: AnyCell, time: number, site: { at: string }): void {
  const { table } = cell;
  table.schedule(cell, NEVER);
  site.at = table.operator;
  table.options.onTimer?.(cell, time);
}

function expire(queue: TimerQueue, limit: number): void {
  for (let due = queue.takeDue(limit); due !== undefined; due = queue.takeDue(limit)) {
    const time = due[0]!.timer;
    for (const cell of due) if (cell.timer === time) cell.table.remove(cell);
  }
}

const text = (position: { cause: number; k: number }): string =>
  `(${position.cause}, ${position.k === Number.POSITIVE_INFINITY ? 'all' : position.k})`;
