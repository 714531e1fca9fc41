import type { KeyId } from '../model/index.ts';
import { keyOf } from '../model/index.ts';
import type { Json } from '../ports/index.ts';
import { type Aggregation, type Aggregator, aggregatorOf, type Parts } from './aggregate/index.ts';
import type { Mistake } from './definition.ts';

/** An aggregation whose results are objects: its own names, or `value` where it is a single aggregator. */
export interface NamedAggregation {
  readonly aggregator: Aggregator<unknown, unknown, unknown>;
  /** Whether the aggregator's result is already an object of names. */
  readonly many: boolean;
}

export function namedAggregation(aggregation: Aggregation<never, unknown>): NamedAggregation {
  const aggregator = aggregatorOf(aggregation as Aggregation<unknown, unknown>);
  return { aggregator, many: aggregator !== (aggregation as unknown) };
}

/** The kinds of what is aggregated, for the plan: by name, or of a single aggregator alone. They tell how accumulators are laid out. */
export function aggregateKinds(aggregation: Aggregation<never, unknown>): Json {
  const kindOf = ({ made }: Pick<Aggregator<never, unknown, unknown>, 'made'>): string => made?.kind ?? 'custom';
  if (!namedAggregation(aggregation).many) return kindOf(aggregation as Aggregator<never, unknown, unknown>);
  const parts = Object.entries(aggregation as Parts<never, Record<string, unknown>>);
  return Object.fromEntries(parts.map(([name, part]) => [name, kindOf(part)]));
}

/** A rolling result: the key, and the aggregates. */
export function keyedResult({ aggregator, many }: NamedAggregation, key: KeyId, acc: unknown): object {
  const result = aggregator.result(acc);
  return many ? { key: keyOf(key), ...(result as object) } : { key: keyOf(key), value: result };
}

/** The mistake of calling an aggregate as the result calls something else. */
export function nameMistakes(aggregation: Aggregation<never, unknown>, taken: readonly string[]): Mistake[] {
  if (!namedAggregation(aggregation).many) return [];
  return taken
    .filter((name) => Object.hasOwn(aggregation, name))
    .map((name) => ({
      rule: `an aggregate is called "${name}", as is another part of the result`,
      fix: 'call it otherwise',
    }));
}
