/** Two streams on their way to becoming one. No behaviour of its own. */
import type { Duration } from '../model/index.ts';
import { intervalJoinOperator, type JoinKind, type OperatorDefinition } from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';
import type { IntervalOptions } from './join-types.ts';

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
    const { lateLeft, lateRight, ...rest } = options;
    const spec = { lower, upper, ...rest, lateLeft: lateLeft?.side, lateRight: lateRight?.side };
    return new Joined(this.#add, (kind, join) => intervalJoinOperator({ ...spec, kind, join }));
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
