import { keyIdOf, keyOf } from '../../model/index.ts';
import type { Aggregation } from '../aggregate/index.ts';
import { definition } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import { namedAggregation } from '../named-results.ts';
import { emitChange } from './change.ts';
import { ROWS } from './to-table.ts';

/** A window's result, as the window operator emits it. */
interface WindowedResult {
  readonly key: unknown;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly [name: string]: unknown;
}

/** What is kept of a window. */
interface Held {
  readonly row: unknown;
  readonly end: number;
}

/**
 * Results of windows as a table by key and window: `{ key, start, end }`. Each result replaces the window's row. A row is kept until the watermark has passed
 * the window's last millisecond by `retention`; after that it stands in the table unchanged, but is no longer known here.
 */
export function windowRowsOperator(
  aggregation: Aggregation<never, unknown>,
  retention: number,
  assigner: string,
): OperatorDefinition {
  const single = !namedAggregation(aggregation).many;
  return definition({
    type: 'window-table',
    needsKey: true,
    stateful: true,
    updates: true,
    eventTime: true,
    state: { [ROWS]: 1 },
    rows: { state: ROWS, windows: true, row: (held) => (held as Held).row },
    options: { single, retention },
    mistakes: FIXED.includes(assigner) ? [] : [notFixed(assigner)],
    code: {
      create(context) {
        const out = context.output();
        const rows = context.table<Held>(ROWS, { clone: (held) => held, domain: 'event-ttl' });
        return {
          inputs: [
            {
              record(result, time, id) {
                const { key: _, windowStart, windowEnd, ...aggregates } = result as WindowedResult;
                const row = single ? aggregates['value'] : aggregates;
                const cell = rows.find(id!, windowStart);
                const before = cell?.value.row;
                const held = { row, end: windowEnd };
                if (cell !== undefined) rows.set(cell, held);
                else rows.schedule(rows.create(id!, windowStart, held), time + retention);
                const key = keyIdOf({ key: keyOf(id!), start: windowStart, end: windowEnd });
                emitChange(out, before, row, time, key);
              },
            },
          ],
        };
      },
    },
  });
}

/** Windows whose bounds a record's time alone decides, so that each has a row of its own for good. */
const FIXED = ['tumbling', 'hopping', 'cumulating'];

const notFixed = (assigner: string): Mistake => ({
  rule: `a table has a row for each key and window, and ${assigner} windows have no bounds that stay`,
  fix: 'use tumbling, hopping or cumulating windows, or .aggregate(...) without a table',
});
