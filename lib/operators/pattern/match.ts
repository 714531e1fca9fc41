import type { KeyId } from '../../model/index.ts';
import { type EventTime, type Key, keyOf } from '../../model/index.ts';
import { returnedPromise } from '../author-code.ts';
import type { Automaton } from './automaton.ts';
import type { ConditionContext } from './pattern.ts';
import type { Clause, ConditionCode } from './shape.ts';
import { NO_LINK, type TakenRecords } from './taken-records.ts';

/** What is said of a match beside its records. One object for all calls: it must not be kept. */
export interface MatchContext<K = Key> {
  readonly key: K;
  /** The result's event time: that of the record or of the end of time that decided it. */
  readonly eventTime: EventTime;
  /** The event time of the match's first record. */
  readonly firstTime: EventTime;
  /** The event time of its last record. */
  readonly lastTime: EventTime;
}

type Lists = Record<string, unknown[]>;

/** Puts the records of a chain under the names of their steps; itself the context of the author's function. */
export class MatchView implements MatchContext {
  eventTime = 0 as EventTime;
  firstTime = 0 as EventTime;
  lastTime = 0 as EventTime;
  #key: KeyId = '';
  readonly #taken: TakenRecords;
  readonly #names: readonly string[];

  constructor(taken: TakenRecords, { names }: Automaton) {
    this.#taken = taken;
    this.#names = names;
  }

  get key(): Key {
    return keyOf(this.#key);
  }

  /** The records by name, all names with a list; the view then speaks of this match. */
  of(key: KeyId, link: number, at: number): Lists {
    const lists = this.#names.map((): unknown[] => []);
    let lastTime: number | undefined;
    this.#taken.each(key, link, (step, record, _, time) => {
      lists[step]!.push(record);
      lastTime ??= time;
      this.firstTime = time as EventTime;
    });
    this.#key = key;
    this.eventTime = at as EventTime;
    this.lastTime = lastTime as EventTime;
    return Object.fromEntries(this.#names.map((name, step) => [name, lists[step]!.reverse()]));
  }
}

/** Asks the author's conditions; itself the context that they get. */
export class Conditions implements ConditionContext<Record<string, readonly unknown[]>> {
  eventTime = 0 as EventTime;
  #key: KeyId = '';
  #link = NO_LINK;
  readonly #taken: TakenRecords;
  readonly #steps: ReadonlyMap<string, number>;

  constructor(taken: TakenRecords, { names }: Automaton) {
    this.#taken = taken;
    this.#steps = new Map(names.map((name, step) => [name, step]));
  }

  get key(): Key {
    return keyOf(this.#key);
  }

  readonly taken = (name: string): readonly unknown[] => {
    const wanted = this.#steps.get(name);
    const records: unknown[] = [];
    this.#taken.each(this.#key, this.#link, (step, record) => {
      if (step === wanted) records.push(record);
    });
    return records.reverse();
  };

  /** What is asked from now on concerns this record and the match up to this link. */
  concern(key: KeyId, time: number, link: number): void {
    this.#key = key;
    this.eventTime = time as EventTime;
    this.#link = link;
  }

  /** Whether clauses hold for a record: from left to right, none is asked that cannot change the answer. */
  hold(clauses: readonly Clause[], record: unknown): boolean {
    let holds = true;
    for (let i = 0; i < clauses.length; i++) {
      const { join, condition } = clauses[i]!;
      if (i > 0 && join === 'or') holds = holds || this.holds(condition, record);
      else holds = holds && this.holds(condition, record);
    }
    return holds;
  }

  holds(condition: ConditionCode, record: unknown): boolean {
    const answer = condition(record as never, this as never);
    if (answer instanceof Promise) throw returnedPromise('a condition');
    return Boolean(answer);
  }
}
