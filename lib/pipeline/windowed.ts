/** A stream in windows: waits to hear what is made of them. No behaviour of its own; types are in `streams.ts` and `window-all.ts`. */
import type { Duration } from '../model/index.ts';
import {
  type Aggregation,
  type Aggregator,
  type AnyWindowFunction,
  everyCount,
  functionMistakes,
  type Mistake,
  type OperatorDefinition,
  optionsMistakes,
  type Reduce,
  type StateDescriptors,
  settings,
  sideName,
  type WindowAssigner,
  type WindowSpec,
  windowOperator,
  windowRowsOperator,
} from '../operators/index.ts';
import type { DraftRef } from '../plan/index.ts';
import { withMistakes } from './arguments.ts';
import type { Graph, OperatorOptions } from './graph.ts';
import { windowingOptions } from './known-options.ts';
import type { WindowFunctionOptions, WindowingOptions } from './streams.ts';
import { WrittenTable } from './table.ts';

type FunctionOptions = WindowFunctionOptions<unknown, StateDescriptors, StateDescriptors>;

/** Where windows are made, and what their results become. */
export interface WindowedPlace<S> {
  readonly graph: Graph;
  /** The records, grouped; `id` is that of the operator. */
  input(id: string): DraftRef;
  stream(output: DraftRef): S;
}

export class Windowed<S> {
  readonly #spec: WindowSpec;
  readonly #place: WindowedPlace<S>;
  readonly #mistakes: readonly Mistake[];

  constructor(
    place: WindowedPlace<S>,
    assigner: WindowAssigner<never>,
    options: WindowingOptions<never> | undefined,
    keyless = false,
  ) {
    const { allowedLateness, late, trigger, evictor } = settings(options);
    this.#place = place;
    this.#spec = { assigner, allowedLateness, lateSide: sideName(late), trigger, evictor, keyless };
    this.#mistakes = optionsMistakes(options, windowingOptions);
  }

  aggregate(id: string, aggregation: Aggregation<never, unknown>, ...given: readonly unknown[]): S {
    const [windowFunction, options] = optional(given);
    return this.#add(id, this.#operator({ aggregation: aggregation ?? {}, windowFunction }, options), options);
  }

  reduce(id: string, fn: Reduce<unknown>, ...given: readonly unknown[]): S {
    const [windowFunction, options] = optional(given);
    const operator = this.#operator({ aggregation: reduced(fn), windowFunction }, options);
    return this.#add(id, withMistakes(operator, functionMistakes('reduce', fn)), options);
  }

  process(id: string, windowFunction: AnyWindowFunction, options?: FunctionOptions): S {
    return this.#add(id, this.#operator({ windowFunction, takesFunction: true }, options), options);
  }

  toTable(
    id: string,
    aggregation: Aggregation<never, unknown>,
    options?: { readonly retention?: Duration } & OperatorOptions,
  ): WrittenTable {
    const { graph, input, stream } = this.#place;
    const { trigger = everyCount(1), allowedLateness = 0 } = this.#spec;
    const assigner = settings(this.#spec.assigner);
    const windows = this.#operator({
      ...{ aggregation: aggregation ?? {}, trigger },
      tellsMerged: assigner.kind === 'session',
    });
    const retention = Math.max(settings(options).retention ?? 0, allowedLateness);
    const rows = withMistakes(windowRowsOperator(aggregation, retention, assigner), windows.mistakes ?? []);
    const results = graph.operator(input(id), `${id}-windows`, { ...windows, mistakes: [] }, settings(options), true);
    const output = graph.operator(results, id, rows, options, true);
    return new WrittenTable(graph, output, stream, {
      ...{ lateness: allowedLateness, windows: results.node },
      ...('time' in assigner ? { time: assigner.time } : {}),
    });
  }

  #add(id: string, operator: OperatorDefinition, options: OperatorOptions | undefined): S {
    const { graph, input, stream } = this.#place;
    return stream(graph.operator(input(id), id, operator, options));
  }

  #operator(parts: Partial<WindowSpec>, options?: FunctionOptions): OperatorDefinition {
    const { state, windowState, outputs } = settings(options);
    return withMistakes(windowOperator({ ...this.#spec, ...parts, state, windowState, outputs }), this.#mistakes);
  }
}

/** A window function that may be left out, and options. */
function optional(given: readonly unknown[]): [AnyWindowFunction | undefined, FunctionOptions | undefined] {
  const [fn, options] = typeof given[0] === 'function' || given.length > 1 ? given : [undefined, given[0]];
  return [fn as AnyWindowFunction | undefined, options as FunctionOptions | undefined];
}

/** Reducing as an aggregation. */
const reduced = (fn: Reduce<unknown>): Aggregator<unknown, unknown, unknown> => ({
  create: () => undefined,
  add: (acc, record) => (acc === undefined ? record : fn(acc, record)),
  merge: (a, b) => (a === undefined ? b : b === undefined ? a : fn(a, b)),
  result: (acc) => acc,
  clone: (acc) => acc,
  made: { kind: 'reduce', parts: [fn] },
});
