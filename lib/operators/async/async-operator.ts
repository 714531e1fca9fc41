import { type EventTime, type Key, type KeyId, keyOf } from '../../model/index.ts';
import { callMistakes, definition, iterable, optionalMistakes, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import { emitAll } from '../flat-map.ts';
import type { AsyncCalls, AsyncHost, AsyncRecord, OperatorCode } from '../operator.ts';
import {
  attempted,
  type CallLimits,
  type CallOptions,
  Client,
  type ClientOptions,
  functionsIn,
  inLanes,
  limitMistakes,
  limitsOf,
  optionMistakes,
} from './calls.ts';

/** How an asynchronous operator calls the author's function. */
export interface AsyncOptions<In = unknown, Other = never, C = undefined> extends CallOptions, ClientOptions<C> {
  /**
   * What a record comes to whose call has failed and is not tried again, also for having taken too long (then the error is a `MillraceError`). Without it, or if it throws, the
   * record fails and follows the restart strategy.
   */
  readonly onFailure?: (record: In, error: unknown) => Other;
}

/** What an asynchronous function gets beside the record. */
export interface AsyncCall<C = undefined> {
  readonly eventTime: EventTime;
  /** The key in force, undefined where there is none. */
  readonly key: Key | undefined;
  /** What `open` returned; undefined without it. */
  readonly client: C;
  /** Aborted when the call has run out of time, and when the run stops: it is then made again when the run goes on. */
  readonly signal: AbortSignal;
}

/**
 * One awaited result for each record. Up to `capacity` calls run at once; results leave in the order of their records. The stage is journaled, so
 * that a result once committed is the one everybody sees; a call may still run more than once for a record.
 */
export function asyncOperator<In, Out, C = undefined>(
  fn: (record: In, call: AsyncCall<C>) => Promise<Out> | Out,
  options: AsyncOptions<In, Out, C> = {},
): OperatorDefinition {
  return asynchronous('async', fn, options, (result) => result, false);
}

/** As `asyncOperator`, with any number of results for each record: those of the awaited iterable. */
export function asyncFlatMapOperator<In, Out, C = undefined>(
  fn: (record: In, call: AsyncCall<C>) => Promise<Iterable<Out>> | Iterable<Out>,
  options: AsyncOptions<In, Iterable<Out>, C> = {},
): OperatorDefinition {
  return asynchronous('asyncFlatMap', fn, options, (results) => [...iterable('asyncFlatMap', results)], true);
}

function asynchronous<In, Result, C>(
  type: string,
  fn: (record: In, call: AsyncCall<C>) => Promise<Result> | Result,
  options: AsyncOptions<In, Result, C>,
  settle: (result: Result) => unknown,
  flat: boolean,
): OperatorDefinition {
  const limits = limitsOf(options);
  const { onFailure } = options;
  const code: OperatorCode = {
    async: { begin: () => new Calls(fn, limits, options, settle) },
    create(context) {
      const out = context.output();
      return flat
        ? { inputs: [{ record: (results, time, key) => emitAll(type, out, results, time, key) }] }
        : { inputs: [out] };
    },
  };
  return definition({
    type,
    options: { ...limits },
    async: true,
    nondeterministic: true,
    functions: [fn, ...functionsIn(options), ...(onFailure === undefined ? [] : [onFailure])],
    mistakes: [
      ...callMistakes(type, fn),
      ...limitMistakes(limits),
      ...optionMistakes(options),
      ...optionalMistakes('onFailure', onFailure),
    ],
    code,
  });
}

/** The calls of one task: one for each record. */
class Calls<In, Result, C> implements AsyncCalls {
  readonly #fn: (record: In, call: AsyncCall<C>) => Promise<Result> | Result;
  readonly #limits: CallLimits;
  readonly #options: AsyncOptions<In, Result, C>;
  readonly #settle: (result: Result) => unknown;
  readonly #client: Client<C>;

  constructor(
    fn: (record: In, call: AsyncCall<C>) => Promise<Result> | Result,
    limits: CallLimits,
    options: AsyncOptions<In, Result, C>,
    settle: (result: Result) => unknown,
  ) {
    this.#fn = fn;
    this.#limits = limits;
    this.#options = options;
    this.#settle = settle;
    this.#client = new Client(options);
  }

  pass(records: readonly AsyncRecord[], host: AsyncHost): Promise<void> {
    return inLanes(records, this.#limits.capacity, (record) => this.#call(record, host));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #call(record: AsyncRecord, host: AsyncHost): Promise<void> {
    const { retryIf, onFailure } = this.#options;
    const value = record.value as In;
    const { time, key } = record;
    try {
      const call = async (signal: AbortSignal): Promise<unknown> => {
        const client = await this.#client.get();
        return this.#settle(
          await this.#fn(value, { eventTime: time as EventTime, key: authorKey(key), client, signal }),
        );
      };
      record.settle(await attempted(call, this.#limits, host, retryIf));
    } catch (error) {
      host.stop.throwIfAborted();
      host.count('failures', 1);
      if (onFailure === undefined) record.fail(error);
      else this.#instead(record, onFailure, error);
    }
  }

  #instead(record: AsyncRecord, onFailure: (record: In, error: unknown) => Result, error: unknown): void {
    try {
      const other = onFailure(record.value as In, error);
      if (other instanceof Promise) throw returnedPromise('onFailure', 'await in the operator itself');
      record.settle(this.#settle(other));
    } catch (another) {
      record.fail(another);
    }
  }
}

function authorKey(key: KeyId | undefined): Key | undefined {
  return key === undefined ? undefined : keyOf(key);
}
