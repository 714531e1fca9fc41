/** What authors may leave out or get wrong in calls of operators. */
import type { OperatorDefinition } from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';

/** Arguments with or without an id before them. */
export function named<T>(
  given: readonly unknown[],
): [id: string | undefined, what: T, options: OperatorOptions | undefined] {
  const [id, ...rest] = typeof given[0] === 'string' ? given : [undefined, ...given];
  return [id as string | undefined, rest[0] as T, rest[1] as OperatorOptions | undefined];
}

/** Options with or without an id before them. */
export function optionallyNamed(
  given: readonly unknown[],
): [id: string | undefined, options: OperatorOptions | undefined] {
  const [id, options] = typeof given[0] === 'string' ? given : [undefined, given[0]];
  return [id as string | undefined, options as OperatorOptions | undefined];
}

/** The operator, with the mistake that what should be its function is none. */
export function withFunction(operator: OperatorDefinition, fn: unknown): OperatorDefinition {
  if (typeof fn === 'function') return operator;
  const missing = { rule: `a ${operator.type} takes a function, not ${typeof fn}`, fix: 'give it one' };
  return { ...operator, mistakes: [missing, ...(operator.mistakes ?? [])] };
}
