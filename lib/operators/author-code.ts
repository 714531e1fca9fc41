import { MillraceError } from '../model/index.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';

/** The error for synchronous author code that returned a promise. */
export function returnedPromise(what: string, hint?: string): MillraceError {
  return new MillraceError('operator-failed', `the function of ${what} returned a promise`, {
    hint: hint ?? 'do what must be awaited in an asynchronous operator: .async(...), ahead of this one',
  });
}

/** The mistake of giving an async function where a synchronous one is called; none for others. */
export function asyncMistakes(what: string, ...functions: readonly unknown[]): Mistake[] {
  return functions.filter(isAsync).map(() => ({
    rule: `the function of ${what} is async`,
    fix: 'do what must be awaited in an asynchronous operator: .async(...), ahead of this one',
  }));
}

function isAsync(fn: unknown): boolean {
  const tag = Object.prototype.toString.call(fn);
  return tag === '[object AsyncFunction]' || tag === '[object AsyncGeneratorFunction]';
}

/** A definition of what says nothing of itself: synchronous, without state, time, key or side outputs. */
export function definition(
  given: Pick<OperatorDefinition, 'type' | 'code'> & Partial<OperatorDefinition>,
): OperatorDefinition {
  return {
    options: null,
    needsKey: false,
    stateful: false,
    async: false,
    nondeterministic: false,
    eventTime: false,
    processingTime: false,
    steps: 'none',
    state: {},
    sides: [],
    functions: [],
    ...given,
  };
}

/** What the author's function returned, as something to iterate over; throws `operator-failed` if it is not. */
export function iterable(what: string, results: unknown): Iterable<unknown> {
  const iterates = typeof results === 'object' && results !== null && Symbol.iterator in results;
  if (iterates) return results as Iterable<unknown>;
  throw new MillraceError(
    'operator-failed',
    `the function of ${what} returned what is no iterable: ${typeof results}`,
    {
      hint: 'return an array, a set or a generator of results, or call emit for each',
    },
  );
}
