import { MillraceError } from '../model/index.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';

/** The error for synchronous author code that returned a promise. */
export function returnedPromise(what: string, hint?: string): MillraceError {
  return new MillraceError('operator-failed', `the function of ${what} returned a promise`, {
    hint: hint ?? 'do what must be awaited in an asynchronous operator: .async(...), ahead of this one',
  });
}

/** Whether it is an object with names in it, as options and specifications are. */
export function isObject(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

/** What was given as an object, or an empty one in place of something else, which is a mistake that the caller lists. */
export function settings<T extends object>(given: T | undefined): T {
  return (isObject(given) ? given : {}) as T;
}

/** The mistake of giving something else than an object. */
export function objectMistakes(what: string, given: unknown, fix: string): Mistake[] {
  return isObject(given) ? [] : [{ rule: `${what} must be an object, not ${kindOf(given)}`, fix }];
}

/** The same of options, which may be left out. `known`: the names that they may have. */
export function optionsMistakes(options: unknown, known?: readonly string[]): Mistake[] {
  if (options === undefined) return [];
  return [
    ...objectMistakes('the options', options, 'give { ... } or leave them out'),
    ...(isObject(options) && known !== undefined ? unknownMistakes(options, known) : []),
  ];
}

/** The mistakes of setting what is not known. */
export function unknownMistakes(given: object, known: readonly string[]): Mistake[] {
  return namesUnknown(given, known).map((name) => {
    const near = nearest(name, known);
    const fix = near === undefined ? `leave it out: it knows ${known.join(', ')}` : `did you mean ${near}?`;
    return { rule: `it knows no option "${name}"`, fix };
  });
}

/**
 * The mistakes of misspelling what may be left out, by one character or by capitals, in an object that may have parts of its own beside. One of an author's class has fields of any name.
 */
export function misspeltMistakes(given: object, optional: readonly string[]): Mistake[] {
  if (Object.getPrototypeOf(given) !== Object.prototype) return [];
  return namesUnknown(given, optional).flatMap((name) => {
    const near = nearest(name, optional, 1);
    if (near === undefined || near in given) return [];
    return [{ rule: `it does nothing with "${name}"`, fix: `did you mean ${near}?` }];
  });
}

const namesUnknown = (given: object, known: readonly string[]): string[] =>
  Object.keys(given).filter((name) => !known.includes(name));

const nearest = (name: string, known: readonly string[], most?: number): string | undefined =>
  known.find((each) => isNear(name.toLowerCase(), each.toLowerCase(), most));

/** Whether one comes of the other by at most two characters put in, taken out or changed: Levenshtein's distance, by its definition. */
function isNear(a: string, b: string, left = a.length > 3 ? 2 : 1): boolean {
  if (a === b) return true;
  if (left === 0 || a === '' || b === '') return a.length + b.length <= left;
  if (a[0] === b[0]) return isNear(a.slice(1), b.slice(1), left);
  const [x, y] = [a.slice(1), b.slice(1)];
  return isNear(x, y, left - 1) || isNear(x, b, left - 1) || isNear(a, y, left - 1);
}

/** What was given for a number, as a mistake says it. */
export const shown = (given: unknown, unit = ''): string =>
  typeof given === 'string' ? `${JSON.stringify(given)}, which is a text` : `${String(given)}${unit}`;

/** The mistake of giving something else than a function, which may be async. */
export function callMistakes(what: string, fn: unknown, fix = 'give it one'): Mistake[] {
  return typeof fn === 'function' ? [] : [{ rule: `${what} takes a function, not ${kindOf(fn)}`, fix }];
}

/** The mistake of giving no function, or an async one, where a synchronous one is called. */
export function functionMistakes(what: string, fn: unknown, fix?: string): Mistake[] {
  if (!isAsync(fn)) return callMistakes(what, fn, fix);
  const ahead = 'do what must be awaited in an asynchronous operator: .async(...), ahead of this one';
  return [{ rule: `the function of ${what} is async`, fix: ahead }];
}

/** The same of functions that may be left out. */
export function optionalMistakes(what: string, ...functions: readonly unknown[]): Mistake[] {
  return functions.flatMap((fn) => (fn === undefined ? [] : functionMistakes(what, fn, 'give it one or leave it out')));
}

const kindOf = (given: unknown): string => (given === null ? 'null' : Array.isArray(given) ? 'array' : typeof given);

function isAsync(fn: unknown): boolean {
  const tag = Object.prototype.toString.call(fn);
  return tag === '[object AsyncFunction]' || tag === '[object AsyncGeneratorFunction]';
}

/** Those who read a table from outside are told the watermark it stands at, also where nothing in its stage asks for time: in minutes. */
const READ_STEPS = [60_000];

/** A definition of what says nothing of itself: synchronous, without state, time, key or side outputs. */
export function definition(
  given: Pick<OperatorDefinition, 'type' | 'code'> & Partial<OperatorDefinition>,
): OperatorDefinition {
  const { rows, steps = 'none' } = given;
  return {
    options: null,
    needsKey: false,
    stateful: false,
    async: false,
    nondeterministic: false,
    eventTime: false,
    processingTime: false,
    state: {},
    sides: [],
    functions: [],
    ...given,
    steps: rows !== undefined && steps === 'none' ? READ_STEPS : steps,
  };
}

/** What stands for an operator of which too little is known to make it: its mistakes. */
export function faulty(type: string, mistakes: readonly Mistake[]): OperatorDefinition {
  return definition({ type, mistakes, code: { create: () => ({ inputs: [] }) } });
}

/** The same for one that was given something else than the object that says what it does. */
export function unfit(type: string, given: unknown, fix: string): OperatorDefinition {
  return faulty(type, [{ rule: `${type} takes an object, not ${kindOf(given)}`, fix }]);
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
