/** Two streams on their way to becoming one. No behaviour of its own. */
import type { Duration } from '../model/index.ts';
import {
  type CoGroupSpec,
  coGroupOperator,
  intervalJoinOperator,
  type JoinKind,
  type Mistake,
  type OperatorDefinition,
  optionsMistakes,
  type StateDescriptors,
  settings,
  sideName,
  type WindowAssigner,
  windowJoinOperator,
} from '../operators/index.ts';
import { named, processOf, withMistakes } from './arguments.ts';
import type { OperatorOptions } from './graph.ts';
import { intervalOptions, twoInputWindowing } from './known-options.ts';
import type { IntervalOptions, TwoInputWindowing, WindowFunctionOptions } from './streams.ts';

type Fn = (left: never, right: never, ctx: never) => unknown;

/** Adds an operator behind both streams. */
export type AddJoined<S> = (id: string, operator: OperatorDefinition, options: OperatorOptions | undefined) => S;

/** Waits to hear how far apart matches may be. */
export class IntervalJoined<S> {
  readonly #add: AddJoined<S>;

  constructor(add: AddJoined<S>) {
    this.#add = add;
  }

  between(lower: Duration, upper: Duration, options?: IntervalOptions<never, never>): Joined<S> {
    const spec = { ...sidesOf(options), lower, upper };
    return new Joined(this.#add, optionsMistakes(options, intervalOptions), (kind, join) =>
      intervalJoinOperator({ ...spec, kind, join }),
    );
  }
}

/** Windows of both streams, which wait to hear which records are kept and what is made of pairs. */
export function windowJoined<S>(
  add: AddJoined<S>,
  assigner: WindowAssigner<never>,
  options: TwoInputWindowing<never, never> | undefined,
): Joined<S> {
  const spec = { ...sidesOf(options), assigner };
  return new Joined(add, optionsMistakes(options, twoInputWindowing), (kind, join) =>
    windowJoinOperator({ ...spec, kind, join }),
  );
}

function sidesOf<T extends TwoInputWindowing<never, never>>(options: T | undefined) {
  const given = settings(options);
  return { ...given, lateLeft: sideName(given.lateLeft), lateRight: sideName(given.lateRight) };
}

/** Windows of both streams, which wait to hear what is made of them. */
export class CoGroupedStreams<S> {
  readonly #add: AddJoined<S>;
  readonly #assigner: WindowAssigner<never>;
  readonly #options: TwoInputWindowing<never, never> | undefined;

  constructor(
    add: AddJoined<S>,
    assigner: WindowAssigner<never>,
    options: TwoInputWindowing<never, never> | undefined,
  ) {
    this.#add = add;
    this.#assigner = assigner;
    this.#options = options;
  }

  process(
    id: string,
    fn: CoGroupSpec['fn'],
    options?: WindowFunctionOptions<unknown, StateDescriptors, StateDescriptors>,
  ): S {
    const { state, windowState, outputs } = settings(options);
    const spec = { ...sidesOf(this.#options), assigner: this.#assigner, fn, state, windowState, outputs };
    return this.#add(
      id,
      withMistakes(coGroupOperator(spec), optionsMistakes(this.#options, twoInputWindowing)),
      options,
    );
  }
}

/** Waits for the operator that handles both. */
export class ConnectedStreams<S> {
  readonly #add: AddJoined<S>;

  constructor(add: AddJoined<S>) {
    this.#add = add;
  }

  process(...given: readonly unknown[]): S {
    const [id, process, options] = named<{ readonly id: string; readonly definition: OperatorDefinition }>(given);
    return this.#add(id ?? settings(process).id, processOf(process, 2), options);
  }
}

/** Waits to hear which records are kept and what is made of them. */
export class Joined<S> {
  readonly #add: AddJoined<S>;
  readonly #operator: (kind: JoinKind, join: Fn) => OperatorDefinition;

  /** `mistakes`: in the options of what comes before. */
  constructor(
    add: AddJoined<S>,
    mistakes: readonly Mistake[],
    operator: (kind: JoinKind, join: Fn) => OperatorDefinition,
  ) {
    this.#add = add;
    this.#operator = (kind, join) => withMistakes(operator(kind, join), mistakes);
  }

  join(id: string, fn: Fn, options?: OperatorOptions): S {
    return this.#add(id, this.#operator('inner', fn), options);
  }

  leftJoin(id: string, fn: Fn, options?: OperatorOptions): S {
    return this.#add(id, this.#operator('left', fn), options);
  }

  rightJoin(id: string, fn: Fn, options?: OperatorOptions): S {
    return this.#add(id, this.#operator('right', fn), options);
  }

  outerJoin(id: string, fn: Fn, options?: OperatorOptions): S {
    return this.#add(id, this.#operator('outer', fn), options);
  }
}
