/**
 * Rolling reduce and aggregate: one value per key over all its records, emitted after each. State grows with the number of keys and
 * is never cleared; windows and `process` with a time to live forget.
 */
import type { Aggregation } from './aggregate/index.ts';
import { aggregationMistakes } from './aggregation-mistakes.ts';
import { definition, faulty, functionMistakes, returnedPromise } from './author-code.ts';
import type { OperatorDefinition } from './definition.ts';
import { aggregateKinds, keyedResult, namedAggregation, nameMistakes } from './named-results.ts';

/** Two records into one. Must return a new value, or one of the two as it is: changing either in place corrupts what undo restores. */
export type Reduce<T> = (reduced: T, record: T) => T;

/** The records of each key reduced to one, emitted after every record with that record's time. */
export function reduceOperator<T>(fn: Reduce<T>): OperatorDefinition {
  return definition({
    type: 'reduce',
    needsKey: true,
    stateful: true,
    state: { reduced: 1 },
    functions: [fn],
    mistakes: functionMistakes('reduce', fn),
    code: {
      create(context) {
        const out = context.output();
        const table = context.table<T>('reduced', { clone: (value) => value, domain: 'none' });
        return {
          inputs: [
            {
              record(value, time, key) {
                const cell = table.find(key!, undefined);
                if (cell === undefined) {
                  table.create(key!, undefined, value as T);
                  out.record(value, time, key);
                  return;
                }
                const reduced = fn(cell.value, value as T);
                if (reduced instanceof Promise) throw returnedPromise('reduce');
                table.set(cell, reduced);
                out.record(reduced, time, key);
              },
            },
          ],
        };
      },
    },
  });
}

/**
 * The records of each key aggregated, emitted after every record with that record's time: `{ key, ...aggregates }`, or `{ key, value }` where the
 * aggregation is a single aggregator.
 */
export function aggregateOperator<In, Out>(aggregation: Aggregation<In, Out>): OperatorDefinition {
  const wrong = aggregationMistakes(aggregation);
  if (wrong.length > 0) return faulty('aggregate', wrong);
  const named = namedAggregation(aggregation);
  const { aggregator } = named;
  return definition({
    type: 'aggregate',
    needsKey: true,
    stateful: true,
    state: { aggregated: 1 },
    options: { aggregates: aggregateKinds(aggregation) },
    functions: [aggregation],
    mistakes: nameMistakes(aggregation, ['key']),
    code: {
      create(context) {
        const out = context.output();
        const table = context.table<unknown>('aggregated', {
          clone: aggregator.clone,
          numbers: aggregator.slots !== undefined,
          domain: 'none',
        });
        return {
          inputs: [
            {
              record(value, time, key) {
                const cell = table.find(key!, undefined) ?? table.create(key!, undefined, aggregator.create());
                table.touch(cell);
                cell.value = aggregator.add(cell.value, value, time);
                out.record(keyedResult(named, cell.key, cell.value), time, key);
              },
            },
          ],
        };
      },
    },
  });
}
