import { definition, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import { RowLife } from '../row-life.ts';
import { ROWS } from '../table/index.ts';
import { type Kept, KeptBest } from './kept-best.ts';
import { sortableOf } from './sort-key.ts';
import { type TopOfRecordsSpec, topFacts, topMistakes } from './top-options.ts';
import { emitBest, NO_BEST } from './top-rows.ts';

/**
 * The best n records of each key, of a stream that only appends: n records a key are kept and no more. Of records that rank alike the one with the earlier event time
 * comes first, of equal times the one that came first.
 */
export function topOfRecordsOperator<T>(n: number, spec: TopOfRecordsSpec<T>): OperatorDefinition {
  const { by, order = 'descending', rows = 'lists', ttl, ttlBy } = spec;
  return definition({
    ...topFacts(n, spec),
    state: { [ROWS]: 1 },
    ...(rows === 'lists' ? { rows: { state: ROWS, row: (kept: unknown) => (kept as Kept).rows } } : {}),
    mistakes: topMistakes(n, spec, false),
    code: {
      create(context) {
        const emit = emitBest(context.output(), rows);
        const criteria = typeof order === 'string' ? undefined : order.length;
        const best = new KeptBest(context, n, order, new RowLife(context.time, ttl, ttlBy), (group, list, time) =>
          emit(group, { rows: list, ids: [] }, NO_BEST, time),
        );
        return {
          inputs: [
            {
              record(value, time, group) {
                const rank = by(value as T);
                if (rank instanceof Promise) throw returnedPromise('top');
                if (!best.offer(group!, sortableOf(rank, criteria), time, value)) return;
                emit(group!, { rows: best.before, ids: NO_BEST.ids }, { rows: best.after, ids: NO_BEST.ids }, time);
              },
            },
          ],
        };
      },
    },
  });
}
