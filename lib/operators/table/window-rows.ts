import { type KeyId, keyIdOf, keyOf } from '../../model/index.ts';
import type { Aggregation } from '../aggregate/index.ts';
import { aggregationMistakes } from '../aggregation-mistakes.ts';
import { definition, faulty } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import { namedAggregation } from '../named-results.ts';
import type { MergedBounds, WindowAssigner, WindowTime } from '../window/index.ts';
import { emitChange, rowOf } from './change.ts';
import { ROWS } from './rows.ts';

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
 * Results of windows as a table by key and window: `{ key, start, end }`. Each result replaces the window's row; rows of sessions that became part of another are deleted, just before it gets
 * its row. A row is kept until the watermark has passed the window's last millisecond by `retention`; after that it stands in the table unchanged, but is no longer known
 * here. So does the row of a session that is over, once late records have made another with the same start. What is wrong with the aggregation its windows say.
 */
export function windowRowsOperator(
  aggregation: Aggregation<never, unknown>,
  retention: number,
  assigner: Pick<WindowAssigner, 'kind'> & { readonly time?: WindowTime },
): OperatorDefinition {
  if (aggregationMistakes(aggregation).length > 0) return faulty('window-table', []);
  const single = !namedAggregation(aggregation).many;
  const byEvent = assigner.time !== 'processing';
  return definition({
    type: 'window-table',
    needsKey: true,
    stateful: true,
    updates: true,
    eventTime: byEvent,
    state: { [ROWS]: 1 },
    rows: { state: ROWS, windows: true, row: (held) => (held as Held).row },
    options: { single, retention, ...(byEvent ? {} : { time: 'processing' }) },
    mistakes: mistakesIn(retention, assigner.kind),
    code: {
      create(context) {
        const out = context.output();
        const rows = context.table<Held>(ROWS, {
          clone: (held) => held,
          domain: byEvent ? 'event-ttl' : 'processing-ttl',
        });
        return {
          inputs: [
            {
              record(result, time, id) {
                if (Array.isArray(result)) {
                  const [start, end] = result as unknown as MergedBounds;
                  const merged = rows.find(id!, start);
                  if (merged?.value.end !== end) return;
                  const { row } = merged.value;
                  rows.remove(merged);
                  emitChange(out, row, undefined, time, windowKey(id!, start, end));
                  return;
                }
                const { key: _, windowStart, windowEnd, ...aggregates } = result as WindowedResult;
                const row = single ? rowOf('toTable', aggregates['value']) : aggregates;
                const found = rows.find(id!, windowStart);
                const before = found?.value.end === windowEnd ? found.value.row : undefined;
                const held = { row, end: windowEnd };
                const cell = found ?? rows.create(id!, windowStart, held);
                rows.set(cell, held);
                const over = (byEvent ? time : windowEnd) + retention;
                if (cell.timer !== over) rows.schedule(cell, over);
                emitChange(out, before, row, time, windowKey(id!, windowStart, windowEnd));
              },
            },
          ],
        };
      },
    },
  });
}

const windowKey = (id: KeyId, start: number, end: number): KeyId => keyIdOf({ key: keyOf(id), start, end });

const ENDLESS = ['count', 'global'];

function mistakesIn(retention: number, kind: string): Mistake[] {
  const mistakes: Mistake[] = [];
  if (!(Number.isFinite(retention) && retention >= 0)) {
    mistakes.push({ rule: `its retention is ${retention} ms`, fix: 'give a span such as hours(1)' });
  }
  if (ENDLESS.includes(kind)) {
    mistakes.push({
      rule: `a table has a row for each key and window, and ${kind} windows have no bounds`,
      fix: 'use windows of time, or .aggregate(...) or .toTable(...) without windows',
    });
  }
  return mistakes;
}
