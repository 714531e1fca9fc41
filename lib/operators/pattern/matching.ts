import type { KeyId } from '../../model/index.ts';
import { type Cell, type CellTable, NEVER } from '../../state/index.ts';
import { returnedPromise } from '../author-code.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { Automaton, type Position, type Target } from './automaton.ts';
import { Conditions, MatchView } from './match.ts';
import type { MatchSpec } from './match-spec.ts';
import {
  ALIVE,
  bitOf,
  COUNT,
  earlier,
  FIRST_TIME,
  FRESH,
  type Held,
  insert,
  LAST_TIME,
  LINK,
  replace,
  START,
  STEP,
  WIDTH,
} from './partial-matches.ts';
import { NO_LINK, TakenRecords } from './taken-records.ts';

export const PARTIALS = 'partials';
export const WAITING = 'waiting';

const NO_RUNS: readonly number[] = [];

/**
 * Matching in one task. Records wait until the watermark has reached their time; then each is offered to the partial matches of its key, one after the other, and to the
 * pattern's beginning. A partial match goes on with each step that takes the record, and stays as it is for the steps that may leave it out.
 */
export class Matching implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #spec: MatchSpec;
  readonly #automaton: Automaton;
  readonly #partials: CellTable<Held>;
  readonly #taken: TakenRecords;
  readonly #waiting: CellTable<unknown[]>;
  readonly #conditions: Conditions;
  readonly #view: MatchView;
  readonly #main: Receiver;
  readonly #timedOut: Receiver | undefined;
  /** The step that is skipped to. */
  readonly #skipStep: number;
  /** What is under way: the record, its key and time, the next free number, its own number if it has one, and what remains. Nothing of it outlives the call. */
  #key: KeyId = '';
  #record: unknown;
  #time = 0;
  #next = 0;
  #number = -1;
  readonly #runs: number[] = [];
  readonly #done: number[] = [];

  constructor(context: OperatorContext, spec: MatchSpec) {
    this.#context = context;
    this.#spec = spec;
    this.#automaton = new Automaton(spec.pattern);
    // Timers of one time fire in the order of tables: what has run out of time is gone before records of that time are looked at.
    this.#partials = context.table<Held>(PARTIALS, {
      clone: ({ next, runs, done }) => ({ next, runs: runs.slice(), done: done.slice() }),
      domain: 'event',
      onTimer: (cell, time) => this.#timeOver(cell, time),
    });
    this.#waiting = context.table<unknown[]>(WAITING, {
      clone: (records) => records.slice(),
      domain: 'event',
      onTimer: (cell, time) => {
        const { key, value } = cell;
        this.#waiting.remove(cell);
        for (const record of value) this.#offer(key, record, time);
      },
    });
    this.#taken = new TakenRecords(context);
    this.#conditions = new Conditions(this.#taken, this.#automaton);
    this.#view = new MatchView(this.#taken, this.#automaton);
    this.#main = context.output();
    this.#timedOut = spec.timedOut === undefined ? undefined : context.output(spec.timedOut.side);
    this.#skipStep = spec.skip.step === undefined ? -1 : this.#automaton.names.indexOf(spec.skip.step);
    const late = spec.lateSide === undefined ? undefined : context.output(spec.lateSide);
    this.inputs = [
      {
        record: (value, time, key) => {
          if (time > context.time.watermark) {
            this.#wait(key as KeyId, value, time);
            return;
          }
          context.count('late', 1);
          late?.record(value, time, key);
        },
      },
    ];
  }

  #wait(key: KeyId, record: unknown, time: number): void {
    const cell = this.#waiting.find(key, time);
    if (cell === undefined) {
      this.#waiting.schedule(this.#waiting.create(key, time, [record]), time);
    } else {
      this.#waiting.touch(cell);
      cell.value.push(record);
    }
  }

  /** Offers a record to the partial matches of its key and to the beginning. */
  #offer(key: KeyId, record: unknown, time: number): void {
    const cell = this.#partials.find(key, undefined);
    const runs = cell?.value.runs ?? NO_RUNS;
    this.#begin(key, record, time, cell);
    let changed = false;
    for (let run = 0; run < runs.length; run += WIDTH) {
      if (this.#goOn(runs, run)) changed = true;
    }
    if (this.#start()) changed = true;
    if (changed) this.#conclude(cell);
  }

  #begin(key: KeyId, record: unknown, time: number, cell: Cell<Held> | undefined): void {
    this.#key = key;
    this.#record = record;
    this.#time = time;
    this.#next = cell?.value.next ?? 0;
    this.#number = -1;
    this.#runs.length = 0;
    this.#done.length = 0;
  }

  /** Any record may begin a match. */
  #start(): boolean {
    this.#conditions.concern(this.#key, this.#time, NO_LINK);
    const { targets } = this.#automaton.start;
    let began = false;
    let barred = 0;
    for (let i = 0; i < targets.length; i++) {
      if ((barred & bitOf(i)) !== 0) continue;
      const target = targets[i]!;
      if (!this.#conditions.hold(target.clauses, this.#record) || this.#isOver(target)) continue;
      this.#take(target, NO_LINK, -1, this.#time, 1);
      began = true;
      barred |= target.bars;
    }
    return began;
  }

  /** What a record makes of one partial match; false if it leaves it as it was. */
  #goOn(runs: readonly number[], run: number): boolean {
    const link = runs[run + LINK]!;
    const start = runs[run + START]!;
    const alive = runs[run + ALIVE]!;
    const position = this.#automaton.at(runs[run + STEP]!, runs[run + COUNT]!);
    const { targets } = position;
    this.#conditions.concern(this.#key, this.#time, link);
    if (this.#isForbidden(position, (alive & FRESH) !== 0)) {
      this.#taken.release(this.#key, link);
      return true;
    }
    let left = 0;
    let took = false;
    let barred = 0;
    for (let i = 0; i < targets.length; i++) {
      if ((alive & ~barred & bitOf(i)) === 0) continue;
      const target = targets[i]!;
      if (this.#time - runs[run + LAST_TIME]! >= target.sincePrevious) continue;
      if (target.end !== undefined) {
        if (target.end === 'with-time') left |= bitOf(i);
        else this.#complete(link, start);
        continue;
      }
      if (target.inner && this.#isOver(target)) continue;
      const holds = this.#conditions.hold(target.clauses, this.#record);
      if (target.contiguity === 'any' || (target.contiguity === 'relaxed' && !holds)) left |= bitOf(i);
      if (!holds || (!target.inner && this.#isOver(target))) continue;
      this.#take(target, link, start, runs[run + FIRST_TIME]!, target.inner ? runs[run + COUNT]! + 1 : 1);
      took = true;
      barred |= target.bars;
    }
    if (left === 0) this.#taken.release(this.#key, link);
    else for (let i = 0; i < WIDTH; i++) this.#runs.push(i === ALIVE ? left : runs[run + i]!);
    return took || left !== alive;
  }

  #isForbidden({ notNext, notFollowedBy }: Position, fresh: boolean): boolean {
    for (let i = 0; i < notFollowedBy.length; i++) {
      if (this.#conditions.hold(notFollowedBy[i]!, this.#record)) return true;
    }
    for (let i = 0; fresh && i < notNext.length; i++) {
      if (this.#conditions.hold(notNext[i]!, this.#record)) return true;
    }
    return false;
  }

  #isOver({ until }: Target): boolean {
    return until !== undefined && this.#conditions.holds(until, this.#record);
  }

  /** The record becomes part of a match. */
  #take({ step }: Target, before: number, start: number, firstTime: number, count: number): void {
    const [key, time] = [this.#key, this.#time];
    if (this.#number === -1) {
      this.#number = this.#next++;
      this.#taken.keep(key, this.#number, this.#record, time);
    }
    const link = this.#next++;
    const began = start === -1 ? this.#number : start;
    this.#taken.link(key, link, before, this.#number, this.#automaton.nameAt(step));
    const counted = this.#automaton.counted(step, count);
    const { targets, complete, notNext } = this.#automaton.at(step, counted);
    if (complete) this.#complete(link, began);
    if (targets.length === 0) return;
    this.#taken.hold(key, link);
    const alive = bitOf(targets.length) - 2 + (notNext.length > 0 ? FRESH : 0);
    this.#runs.push(link, began, firstTime, time, step, counted, alive);
  }

  #complete(link: number, start: number): void {
    this.#taken.hold(this.#key, link);
    this.#done.push(link, start);
  }

  /** Time is over for partial matches: some that waited for nothing but that are matches, others have failed. */
  #timeOver(cell: Cell<Held>, time: number): void {
    const { key, value } = cell;
    const { runs } = value;
    this.#begin(key, undefined, time, cell);
    for (let run = 0; run < runs.length; run += WIDTH) {
      const { targets, complete } = this.#automaton.at(runs[run + STEP]!, runs[run + COUNT]!);
      const end = targets.findIndex((target) => target.end !== undefined);
      const link = runs[run + LINK]!;
      let alive = runs[run + ALIVE]!;
      const failed = !complete && (end === -1 || (targets[end]!.end === 'with-next' && (alive & bitOf(end)) !== 0));
      if (end !== -1 && (alive & bitOf(end)) !== 0 && this.#endOf(runs, run, targets[end]!) <= time) {
        alive -= bitOf(end);
        this.#complete(link, runs[run + START]!);
      }
      if (alive >= bitOf(0) && this.#limitOf(runs, run, alive) > time) {
        for (let i = 0; i < WIDTH; i++) this.#runs.push(i === ALIVE ? alive : runs[run + i]!);
        continue;
      }
      if (failed) this.#giveUp(link);
      this.#taken.release(key, link);
    }
    this.#conclude(cell);
  }

  #giveUp(link: number): void {
    this.#context.count('timed-out', 1);
    if (this.#timedOut === undefined) return;
    const lists = this.#view.of(this.#key, link, this.#time);
    const made = (this.#spec.timedOut!.make as Make)(lists, this.#view);
    if (made instanceof Promise) throw returnedPromise('match');
    if (made !== undefined) this.#timedOut.record(made, this.#time, this.#key);
  }

  /** Stores what is left, and lets matches out. */
  #conclude(before: Cell<Held> | undefined): void {
    if (before === undefined && this.#runs.length === 0 && this.#done.length === 0) return;
    const cell = before ?? this.#partials.create(this.#key, undefined, { next: 0, runs: [], done: [] });
    this.#partials.touch(cell);
    const held = cell.value;
    held.next = this.#next;
    replace(held.runs, this.#runs);
    for (let i = 0; i < this.#done.length; i += 2) insert(held.done, this.#done[i]!, this.#done[i + 1]!);
    this.#settle(held);
    this.#keepLimit(held);
    if (held.runs.length === 0 && held.done.length === 0) this.#partials.remove(cell);
    else this.#schedule(cell);
  }

  /** Lets out the matches that no partial match which began earlier can do away with. */
  #settle(held: Held): void {
    const { runs, done } = held;
    const { skip } = this.#spec.skip;
    if (skip === 'none') {
      for (let i = 0; i < done.length; i += 2) this.#emit(done[i]!);
      done.length = 0;
      return;
    }
    while (done.length > 0) {
      if (skip !== 'to-next' && runs.length > 0 && runs[START]! < done[1]!) return;
      const [link, start] = done.splice(0, 2) as [number, number];
      const [from, to] = this.#skipped(link, start);
      this.#prune(runs, WIDTH, from, to);
      this.#prune(done, 2, from, to);
      this.#emit(link);
    }
  }

  #emit(link: number): void {
    const lists = this.#view.of(this.#key, link, this.#time);
    const result = (this.#spec.fn as Make)(lists, this.#view);
    if (result instanceof Promise) throw returnedPromise('match');
    this.#taken.release(this.#key, link);
    if (result !== undefined) this.#main.record(result, this.#time, this.#key);
  }

  /** The numbers of first records, from one up to another, whose matches are skipped after this one. */
  #skipped(link: number, start: number): [from: number, to: number] {
    const { skip } = this.#spec.skip;
    if (skip === 'to-next') return [start, start + 1];
    let to = 0;
    this.#taken.each(this.#key, link, (step, _, number) => {
      if (skip === 'past-last') to = Math.max(to, number + 1);
      else if (step === this.#skipStep && (skip === 'to-first' || to === 0)) to = number;
    });
    return [0, to];
  }

  /** Takes out what began with a record of these numbers. */
  #prune(list: number[], width: number, from: number, to: number): void {
    let kept = 0;
    for (let i = 0; i < list.length; i += width) {
      const start = list[i + START]!;
      if (start >= from && start < to) {
        this.#taken.release(this.#key, list[i + LINK]!);
        continue;
      }
      for (let j = 0; j < width; j++) list[kept++] = list[i + j]!;
    }
    list.length = kept;
  }

  /** Gives up the oldest partial matches of a key that has too many. */
  #keepLimit(held: Held): void {
    const { runs, done } = held;
    for (;;) {
      const excess = runs.length / WIDTH + done.length / 2 - this.#spec.maxPartialMatches;
      const dropped = Math.min(excess, runs.length / WIDTH);
      if (dropped <= 0) return;
      this.#context.count('dropped-partial-matches', dropped);
      for (const [i, link] of runs.splice(0, dropped * WIDTH).entries()) {
        if (i % WIDTH === LINK) this.#taken.release(this.#key, link);
      }
      this.#settle(held);
    }
  }

  #schedule(cell: Cell<Held>): void {
    const { runs } = cell.value;
    let due = NEVER;
    for (let run = 0; run < runs.length; run += WIDTH) {
      const alive = runs[run + ALIVE]!;
      due = Math.min(due, this.#limitOf(runs, run, alive));
      const { targets } = this.#automaton.at(runs[run + STEP]!, runs[run + COUNT]!);
      const end = targets.at(-1);
      if (end?.end === 'with-time' && (alive & bitOf(targets.length - 1)) !== 0) {
        due = Math.min(due, this.#endOf(runs, run, end));
      }
    }
    if (due !== cell.timer) this.#partials.schedule(cell, due);
  }

  /** The time at which a partial match has waited in vain for all that it waits for. */
  #limitOf(runs: readonly number[], run: number, alive: number): number {
    const { targets } = this.#automaton.at(runs[run + STEP]!, runs[run + COUNT]!);
    let longest = 0;
    for (let i = 0; i < targets.length; i++) {
      if ((alive & bitOf(i)) !== 0) longest = Math.max(longest, targets[i]!.sincePrevious);
    }
    return earlier(runs[run + FIRST_TIME]! + this.#automaton.within, runs[run + LAST_TIME]! + longest);
  }

  /** The time until which what must not come last may not come. */
  #endOf(runs: readonly number[], run: number, { sincePrevious, end }: Target): number {
    if (end === 'with-next') return NEVER;
    return earlier(runs[run + FIRST_TIME]! + this.#automaton.within, runs[run + LAST_TIME]! + sincePrevious);
  }
}

type Make = (lists: unknown, ctx: unknown) => unknown;
