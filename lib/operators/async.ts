import { type Duration, type EventTime, type Key, type KeyId, keyOf, seconds } from '../model/index.ts';
import { definition, iterable } from './author-code.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';
import { emitAll } from './flat-map.ts';
import type { AsyncCode, OperatorCode } from './operator.ts';

/** How an asynchronous operator calls the author's function. */
export interface AsyncOptions {
  /** Calls under way at once, within a batch. Default: 10. */
  readonly capacity?: number;
  /** How long one call may take before it is given up. Default: 30 seconds. */
  readonly timeout?: Duration;
  /** How often a failed call is tried again. Default: 0. */
  readonly retries?: number;
  /** Time before the first retry; doubles with each. Default: 100 milliseconds. */
  readonly retryDelay?: Duration;
}

/** What an asynchronous function gets beside the record. */
export interface AsyncCall {
  readonly eventTime: EventTime;
  /** The key in force, undefined where there is none. */
  readonly key: Key | undefined;
  /** Aborted when the call has run out of time, and when the run stops: it is then made again when the run goes on. */
  readonly signal: AbortSignal;
}

/**
 * One awaited result for each record. Up to `capacity` calls run at once; results leave in the order of their records. The stage is journaled, so
 * that a result once committed is the one everybody sees; a call may still run more than once for a record.
 */
export function asyncOperator<In, Out>(
  fn: (record: In, call: AsyncCall) => Promise<Out> | Out,
  options: AsyncOptions = {},
): OperatorDefinition {
  return asynchronous('async', fn, options, (result) => result, false);
}

/** As `asyncOperator`, with any number of results for each record: those of the awaited iterable. */
export function asyncFlatMapOperator<In, Out>(
  fn: (record: In, call: AsyncCall) => Promise<Iterable<Out>> | Iterable<Out>,
  options: AsyncOptions = {},
): OperatorDefinition {
  return asynchronous('asyncFlatMap', fn, options, (results) => [...iterable('asyncFlatMap', results)], true);
}

function asynchronous<In, Result>(
  type: string,
  fn: (record: In, call: AsyncCall) => Promise<Result> | Result,
  options: AsyncOptions,
  settle: (result: Result) => unknown,
  flat: boolean,
): OperatorDefinition {
  const given = {
    capacity: options.capacity ?? 10,
    timeout: options.timeout ?? seconds(30),
    retries: options.retries ?? 0,
    retryDelay: options.retryDelay ?? 100,
  };
  const call: AsyncCode['call'] = async (value, time, key, signal) =>
    settle(await fn(value as In, { eventTime: time as EventTime, key: authorKey(key), signal }));
  const code: OperatorCode = {
    async: { ...given, call },
    create(context) {
      const out = context.output();
      return flat
        ? { inputs: [{ record: (results, time, key) => emitAll(type, out, results, time, key) }] }
        : { inputs: [out] };
    },
  };
  return definition({
    type,
    options: given,
    async: true,
    nondeterministic: true,
    functions: [fn],
    mistakes: mistakesIn(given),
    code,
  });
}

function authorKey(key: KeyId | undefined): Key | undefined {
  return key === undefined ? undefined : keyOf(key);
}

function mistakesIn(given: Readonly<Record<'capacity' | 'timeout' | 'retries' | 'retryDelay', number>>): Mistake[] {
  const mistakes: Mistake[] = [];
  const check = (name: keyof typeof given, least: number): void => {
    if (Number.isSafeInteger(given[name]) && given[name] >= least) return;
    mistakes.push({
      rule: `${name} of an asynchronous operator must be a whole number of at least ${least}, not ${given[name]}`,
      fix: `give another ${name}`,
    });
  };
  check('capacity', 1);
  check('timeout', 1);
  check('retries', 0);
  check('retryDelay', 0);
  return mistakes;
}
