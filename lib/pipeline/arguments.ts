/** What authors may leave out or get wrong in calls of operators. */
import { faulty, type Mistake, type OperatorDefinition, settings } from '../operators/index.ts';
import type { Graph, OperatorOptions } from './graph.ts';

/** Arguments with or without an id before them. */
export function named<T>(
  given: readonly unknown[],
): [id: string | undefined, what: T, options: OperatorOptions | undefined] {
  const [id, ...rest] = typeof given[0] === 'string' ? given : [undefined, ...given];
  return [id as string | undefined, rest[0] as T, rest[1] as OperatorOptions | undefined];
}

/** Options with or without an id before them. */
export function optionallyNamed<T = OperatorOptions>(
  given: readonly unknown[],
): [id: string | undefined, options: T | undefined] {
  const [id, options] = typeof given[0] === 'string' || given.length > 1 ? given : [undefined, given[0]];
  return [id as string | undefined, options as T | undefined];
}

/** The operator, with more mistakes. */
export function withMistakes(operator: OperatorDefinition, mistakes: readonly Mistake[]): OperatorDefinition {
  return { ...operator, mistakes: [...mistakes, ...(operator.mistakes ?? [])] };
}

/** The operator that `process` was given, which has so many inputs. */
export function processOf(given: { readonly definition: OperatorDefinition }, inputs: 1 | 2): OperatorDefinition {
  const { definition } = settings(given);
  if (definition !== undefined && (definition.inputs ?? [definition]).length === inputs) return definition;
  const fix =
    inputs === 1
      ? 'give it process(id, { onRecord ... })'
      : 'give it connectedProcess(id, { onLeft, onRight ... }) or broadcastProcess(id, { onRecord, onBroadcast ... })';
  return faulty('process', [{ rule: `it takes an operator of ${INPUTS[inputs]}`, fix }]);
}

const INPUTS = { 1: 'one input', 2: 'two inputs' };

/** What is wrong with another stream or table that an operator is to read: that it is none, or of another pipeline. */
export function partnerMistakes(
  what: 'stream' | 'table',
  partner: unknown,
  kind: abstract new (...given: never[]) => { readonly graph: Graph },
  graph: Graph,
  fix: string,
): Mistake[] {
  if (!(partner instanceof kind)) return [{ rule: `what it is to read is no ${what}`, fix }];
  if (partner.graph === graph) return [];
  return [
    { rule: `a ${what} of another pipeline is part of it`, fix: 'bring streams and tables of one pipeline together' },
  ];
}
