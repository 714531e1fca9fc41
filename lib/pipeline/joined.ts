/** Two streams on their way to becoming one. No behaviour of its own. */
import { type Duration, MillraceError } from '../model/index.ts';
import {
  type CoGroupSpec,
  coGroupOperator,
  intervalJoinOperator,
  type JoinKind,
  type OperatorDefinition,
  type StateDescriptors,
  type WindowAssigner,
  windowJoinOperator,
} from '../operators/index.ts';
import { named } from './arguments.ts';
import type { OperatorOptions } from './graph.ts';
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

  between(lower: Duration, upper: Duration, options: IntervalOptions<never, never> = {}): Joined<S> {
    const spec = { ...sidesOf(options), lower, upper };
    return new Joined(this.#add, (kind, join) => intervalJoinOperator({ ...spec, kind, join }));
  }
}

/** Windows of both streams, which wait to hear which records are kept and what is made of pairs. */
export function windowJoined<S>(
  add: AddJoined<S>,
  assigner: WindowAssigner<never>,
  options: TwoInputWindowing<never, never>,
): Joined<S> {
  const spec = { ...sidesOf(options), assigner };
  return new Joined(add, (kind, join) => windowJoinOperator({ ...spec, kind, join }));
}

const sidesOf = <T extends TwoInputWindowing<never, never>>(options: T) => ({
  ...options,
  lateLeft: options.lateLeft?.side,
  lateRight: options.lateRight?.side,
});

/** Windows of both streams, which wait to hear what is made of them. */
export class CoGroupedStreams<S> {
  readonly #add: AddJoined<S>;
  readonly #assigner: WindowAssigner<never>;
  readonly #options: TwoInputWindowing<never, never>;

  constructor(add: AddJoined<S>, assigner: WindowAssigner<never>, options: TwoInputWindowing<never, never>) {
    this.#add = add;
    this.#assigner = assigner;
    this.#options = options;
  }

  process(
    id: string,
    fn: CoGroupSpec['fn'],
    options: WindowFunctionOptions<unknown, StateDescriptors, StateDescriptors> = {},
  ): S {
    const { state, windowState, outputs } = options;
    const spec = { ...sidesOf(this.#options), assigner: this.#assigner, fn, state, windowState, outputs };
    return this.#add(id, coGroupOperator(spec), options);
  }
}

/** Waits for the operator that handles both. */
export class ConnectedStreams<S> {
  readonly #add: AddJoined<S>;

  constructor(add: AddJoined<S>) {
    this.#add = add;
  }

  process(...given: readonly unknown[]): S {
    const [id, process, options] = named<{ readonly id: string; readonly definition?: OperatorDefinition }>(given);
    const definition = process?.definition;
    if (definition?.inputs === undefined) {
      const rule = 'two connected streams take an operator made by connectedProcess or broadcastProcess';
      throw new MillraceError('invalid-pipeline', rule, { ...(id === undefined ? {} : { where: { operator: id } }) });
    }
    return this.#add(id ?? process.id, definition, options);
  }
}

/** Waits to hear which records are kept and what is made of them. */
export class Joined<S> {
  readonly #add: AddJoined<S>;
  readonly #operator: (kind: JoinKind, join: Fn) => OperatorDefinition;

  constructor(add: AddJoined<S>, operator: (kind: JoinKind, join: Fn) => OperatorDefinition) {
    this.#add = add;
    this.#operator = operator;
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
