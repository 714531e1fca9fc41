import type { Duration, EventTime, Key } from '../../model/index.ts';
import { isObject, settings } from '../author-code.ts';
import type { Type } from '../type.ts';
import type { Clause, ConditionCode, Contiguity, Follows, PatternShape, Saying, StepShape } from './shape.ts';

declare const types: unique symbol;

/** At least one record, as a match has of each step that is not optional. */
export type Some<T> = readonly [T, ...T[]];
type Like<L, R> = L extends Some<unknown> ? Some<R> : readonly R[];
/** The lists of a match, any of which may yet be empty. */
export type Lists<M> = { readonly [N in keyof M]: M[N] extends readonly (infer R)[] ? readonly R[] : never };
/** A match that is not complete: of its first step it has a record (if that is not optional), of others perhaps. */
export type PartialMatch<M, First> = { readonly [N in keyof M]: N extends First ? M[N] : Lists<M>[N] };
type Named<N extends string, L> = { readonly [K in N]: L };
type Plain<M> = { readonly [N in keyof M]: M[N] };

/** What a condition may look at beside the record. One object for all calls: it must not be kept. */
export interface ConditionContext<M> {
  readonly key: Key;
  /** The record's event time. */
  readonly eventTime: EventTime;
  /** The records that the match in question has taken for a step so far, in their order. Costs as much as it has taken in all. */
  taken<N extends keyof M>(name: N): Lists<M>[N];
}

/** A pattern that can be looked for: `keyed.match(id, pattern, ...)`. Immutable data; each method returns another. */
export interface Pattern<T, M, First extends string = string> {
  readonly shape: PatternShape;
  /** Never present at run time: carries the types of records and matches. */
  readonly [types]?: { readonly in: (record: T) => void; readonly match: () => M; readonly first: () => First };
}

/** What may follow a step or a group. Names are unique in a pattern. Given a pattern, it is a group: what is said of its first record is said of the group's first step. */
export interface Following<T, M, First extends string> {
  /** Then a record right after the last one: strict contiguity. */
  next<N extends string>(name: N): PatternStep<T, M, First, N, T, Some<T>>;
  next<G>(group: Pattern<T, G>): PatternGroup<T, M, First, G>;
  /** Then the first record that fits, whatever lies between: relaxed contiguity. */
  followedBy<N extends string>(name: N): PatternStep<T, M, First, N, T, Some<T>>;
  followedBy<G>(group: Pattern<T, G>): PatternGroup<T, M, First, G>;
  /** Then any record that fits, so that there is a match for each: non-deterministic relaxed contiguity. */
  followedByAny<N extends string>(name: N): PatternStep<T, M, First, N, T, Some<T>>;
  followedByAny<G>(group: Pattern<T, G>): PatternGroup<T, M, First, G>;
  /** Then not such a record right after the last one. */
  notNext(name: string): NotStep<T, M, First>;
  /**
   * Then no such record before the next one of the match, or, at the end of a pattern, before the time of `within` is over. Counts from the first record of the step before
   * it, behind a group from the first record of the last step of each round that may be its last; a record that it forbids ends the partial match also where the step behind would take it.
   */
  notFollowedBy(name: string): NotStep<T, M, First>;
}

/** A step that says what must not come. */
export interface NotStep<T, M, First extends string> extends Pattern<T, Plain<M>, First>, Following<T, M, First> {
  /** Forbids records for which this holds, and all conditions before it. */
  where(condition: (record: T, ctx: ConditionContext<M>) => boolean): NotStep<T, M, First>;
  /** Forbids also records for which this holds. */
  or(condition: (record: T, ctx: ConditionContext<M>) => boolean): NotStep<T, M, First>;
  /** As for the other steps. */
  within(span: Duration): NotStep<T, M, First>;
  /** At the end of a pattern: the record must not come less than so long after the last one. */
  withinPrevious(span: Duration): NotStep<T, M, First>;
}

/**
 * A step that takes records: one, unless it says how many. `M` is what the steps before it take, `S` what its own records are, `L` a list of them as a match has it.
 */
export interface PatternStep<T, M, First extends string, N extends string, S extends T, L>
  extends Pattern<T, Plain<M & Named<N, L>>, First>,
    Following<T, M & Named<N, L>, First> {
  /** Takes only records for which this holds, and all conditions before it. Given a type guard, the match's records are of its type. */
  where<R extends S>(
    condition: (record: S, ctx: ConditionContext<M & Named<N, L>>) => record is R,
  ): PatternStep<T, M, First, N, R, Like<L, R>>;
  where(condition: (record: S, ctx: ConditionContext<M & Named<N, L>>) => boolean): PatternStep<T, M, First, N, S, L>;
  /** Takes also records for which this holds, whatever the conditions before it say. */
  or<R extends T>(
    condition: (record: T, ctx: ConditionContext<M & Named<N, L>>) => record is R,
  ): PatternStep<T, M, First, N, S | R, Like<L, S | R>>;
  or(
    condition: (record: T, ctx: ConditionContext<M & Named<N, L>>) => boolean,
  ): PatternStep<T, M, First, N, T, Like<L, T>>;
  /** Takes so many records; with two numbers, at least and at most so many. From 0 on, the step is optional. */
  times(count: number): PatternStep<T, M, First, N, S, L>;
  times(least: 0, most: number): PatternStep<T, M, First, N, S, readonly S[]>;
  times(least: number, most: number): PatternStep<T, M, First, N, S, L>;
  /** Takes so many records or more. What follows need not wait: there is a match for each number. */
  timesOrMore(least: 0): PatternStep<T, M, First, N, S, readonly S[]>;
  timesOrMore(least: number): PatternStep<T, M, First, N, S, L>;
  /** Takes one record or more. */
  oneOrMore(): PatternStep<T, M, First, N, S, L>;
  /** May take none: there are matches with and without it. */
  optional(): PatternStep<T, M, First, N, S, readonly S[]>;
  /** Takes as many records as it can: what follows does not come before a record that this step would take. A step that takes records must follow. */
  greedy(): PatternStep<T, M, First, N, S, L>;
  /** Its records come one right after another. Default: what does not fit may lie between them. */
  consecutive(): PatternStep<T, M, First, N, S, L>;
  /** Its records may leave out others that would fit, so that there is a match for each choice: their number may double with every record. */
  allowCombinations(): PatternStep<T, M, First, N, S, L>;
  /** Takes no record for which this holds, and after its first record none behind that either. */
  until(condition: (record: T, ctx: ConditionContext<M & Named<N, L>>) => boolean): PatternStep<T, M, First, N, S, L>;
  /** The whole match: its last record comes less than so long after its first. Of several, the smallest counts. */
  within(span: Duration): PatternStep<T, M, First, N, S, L>;
  /** Each record of this step comes less than so long after the record of the match before it. */
  withinPrevious(span: Duration): PatternStep<T, M, First, N, S, L>;
}

/**
 * A pattern in a pattern, Flink's GroupPattern: its steps one behind the other, once, unless it says how many times. A match has the records of all rounds in one list for each step. `M` is what
 * the steps before it take, `G` what those of the group do.
 */
export interface PatternGroup<T, M, First extends string, G>
  extends Pattern<T, Plain<M & G>, First>,
    Following<T, M & G, First> {
  /** So many rounds; with two numbers, at least and at most so many. From 0 on, the group is optional. */
  times(count: number): PatternGroup<T, M, First, G>;
  times(least: 0, most: number): PatternGroup<T, M, First, Lists<G>>;
  times(least: number, most: number): PatternGroup<T, M, First, G>;
  /** So many rounds or more. What follows need not wait: there is a match for each number. */
  timesOrMore(least: 0): PatternGroup<T, M, First, Lists<G>>;
  timesOrMore(least: number): PatternGroup<T, M, First, G>;
  /** One round or more. */
  oneOrMore(): PatternGroup<T, M, First, G>;
  /** May be left out: there are matches with and without it. */
  optional(): PatternGroup<T, M, First, Lists<G>>;
  /** Each round begins right after the one before. Default: what does not begin one may lie between. */
  consecutive(): PatternGroup<T, M, First, G>;
  /** Rounds may leave out records with which one could begin, so that there is a match for each choice. */
  allowCombinations(): PatternGroup<T, M, First, G>;
  /** As for steps. */
  within(span: Duration): PatternGroup<T, M, First, G>;
}

/**
 * Begins a pattern of records of one key: `begin('small', type<Payment>()).where((p) => p.amount < 1).followedBy('large').where((p) => p.amount > 500).within(minutes(1))`.
 * Flink's `Pattern.begin`. Every record that the step takes begins a partial match. With a pattern, it begins with a group.
 */
export function begin<T, N extends string>(
  name: N,
  record: Type<T>,
): PatternStep<T, Record<never, never>, N, N, T, Some<T>>;
export function begin<T, G, First extends string>(
  group: Pattern<T, G, First>,
): PatternGroup<T, Record<never, never>, First, G>;
export function begin(first: string | Grouped): unknown {
  return new WrittenPattern({ steps: [stepOf(first, 'begin')] });
}

type Grouped = Pattern<never, unknown>;

const singleStep = (name: string, follows: Follows): StepShape => ({
  ...{ name, follows, clauses: [], least: 1, most: 1 },
  ...{ optional: false, greedy: false, inner: 'relaxed' },
});

function stepOf(given: string | Grouped, follows: Follows): StepShape {
  const { shape } = settings(given as Grouped);
  if (!isObject(shape) || !Array.isArray(shape.steps)) return singleStep(given as string, follows);
  const { steps: group, within } = shape;
  return { ...singleStep('', follows), group, ...(within === undefined ? {} : { groupWithin: within }) };
}

/** A pattern in writing. What it means the automaton knows, what may be said the author's types. */
class WrittenPattern {
  readonly shape: PatternShape;

  constructor(shape: PatternShape) {
    this.shape = shape;
  }

  next(name: string | Grouped): WrittenPattern {
    return this.#then(name, 'next');
  }

  followedBy(name: string | Grouped): WrittenPattern {
    return this.#then(name, 'followedBy');
  }

  followedByAny(name: string | Grouped): WrittenPattern {
    return this.#then(name, 'followedByAny');
  }

  notNext(name: string): WrittenPattern {
    return this.#then(name, 'notNext');
  }

  notFollowedBy(name: string): WrittenPattern {
    return this.#then(name, 'notFollowedBy');
  }

  where(condition: ConditionCode): WrittenPattern {
    return this.#clause('and', condition);
  }

  or(condition: ConditionCode): WrittenPattern {
    return this.#clause('or', condition);
  }

  times(least: number, most = least): WrittenPattern {
    return this.#times('times', least, most);
  }

  timesOrMore(least: number): WrittenPattern {
    return this.#times('timesOrMore', least, Number.POSITIVE_INFINITY);
  }

  oneOrMore(): WrittenPattern {
    return this.#times('oneOrMore', 1, Number.POSITIVE_INFINITY);
  }

  optional(): WrittenPattern {
    return this.#step({ optional: true });
  }

  greedy(): WrittenPattern {
    return this.#step({ greedy: true });
  }

  consecutive(): WrittenPattern {
    return this.#inner('strict');
  }

  allowCombinations(): WrittenPattern {
    return this.#inner('any');
  }

  until(condition: ConditionCode): WrittenPattern {
    return this.#say('until').#step({ until: condition });
  }

  within(span: number): WrittenPattern {
    return new WrittenPattern({ ...this.shape, within: Math.min(span, this.shape.within ?? span) });
  }

  withinPrevious(span: number): WrittenPattern {
    return this.#step({ sincePrevious: span });
  }

  #times(by: Saying, least: number, most: number): WrittenPattern {
    return this.#say(by).#step(least === 0 ? { least: 1, most, optional: true } : { least, most });
  }

  #say(by: Saying): WrittenPattern {
    return this.#step({ said: [...(this.shape.steps.at(-1)!.said ?? []), by] });
  }

  #inner(inner: Contiguity): WrittenPattern {
    return this.#step({ inner });
  }

  #then(given: string | Grouped, follows: Follows): WrittenPattern {
    return new WrittenPattern({ ...this.shape, steps: [...this.shape.steps, stepOf(given, follows)] });
  }

  #clause(join: Clause['join'], condition: ConditionCode): WrittenPattern {
    const { clauses } = this.shape.steps.at(-1)!;
    return this.#step({ clauses: [...clauses, { join, condition }] });
  }

  #step(change: { readonly [K in keyof StepShape]?: StepShape[K] }): WrittenPattern {
    const steps = [...this.shape.steps];
    steps.push({ ...steps.pop()!, ...change });
    return new WrittenPattern({ ...this.shape, steps });
  }
}
