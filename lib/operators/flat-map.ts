import type { KeyId } from '../model/index.ts';
import { definition, functionMistakes, iterable, returnedPromise } from './author-code.ts';
import type { OperatorDefinition } from './definition.ts';
import type { Operator, OperatorContext, Receiver } from './operator.ts';

/** Any number of results for a record: those of the iterable it returns, and those given to `emit`, in that order of being made. */
export type FlatMap<In, Out> = (record: In, emit: (result: Out) => void) => Iterable<Out> | void;

/** Any number of results for each record, with the record's time and key. `emit` is only for use during the call. */
export function flatMapOperator<In, Out>(fn: FlatMap<In, Out>): OperatorDefinition {
  return definition({
    type: 'flatMap',
    functions: [fn],
    mistakes: functionMistakes('flatMap', fn),
    code: { create: (context) => flatMapping(fn, context) },
  });
}

function flatMapping<In, Out>(fn: FlatMap<In, Out>, context: OperatorContext): Operator {
  const out = context.output();
  let now = 0;
  let current: KeyId | undefined;
  const emit = (result: Out): void => out.record(result, now, current);
  return {
    inputs: [
      {
        record(value, time, key) {
          now = time;
          current = key;
          const results: unknown = fn(value as In, emit);
          if (results !== undefined) emitAll('flatMap', out, results, time, key);
        },
      },
    ],
  };
}

/** Emits each item of what the author's function returned; throws `operator-failed` if that is no iterable. */
export function emitAll(what: string, out: Receiver, results: unknown, time: number, key: KeyId | undefined): void {
  if (Array.isArray(results)) {
    for (let i = 0; i < results.length; i++) out.record(results[i], time, key);
    return;
  }
  if (results instanceof Promise) throw returnedPromise(what);
  for (const result of iterable(what, results)) out.record(result, time, key);
}
