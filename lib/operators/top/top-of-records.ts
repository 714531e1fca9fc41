import type { KeyId } from '../../model/index.ts';
import { definition, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { RowLife } from '../row-life.ts';
import { ROWS } from '../table/index.ts';
import { comparison, type Sortable, sortableOf } from './sort-key.ts';
import { type TopOfRecordsSpec, topFacts, topMistakes } from './top-options.ts';
import { type Best, type EmitBest, emitBest, NO_BEST } from './top-rows.ts';

/** The best of a group, best first. Never changed in place. */
interface Kept extends Best {
  readonly ranks: readonly Sortable[];
  readonly times: readonly number[];
}

const NOTHING: Kept = { ...NO_BEST, ranks: [], times: [] };

/**
 * The best n records of each key, of a stream that only appends: n records a key are kept and no more. Of records that rank alike the one with the earlier event time
 * comes first, of equal times the one that came first.
 */
export function topOfRecordsOperator<T>(n: number, spec: TopOfRecordsSpec<T>): OperatorDefinition {
  const { rows = 'lists' } = spec;
  return definition({
    ...topFacts(n, spec),
    state: { [ROWS]: 1 },
    ...(rows === 'lists' ? { rows: { state: ROWS, row: (kept: unknown) => (kept as Kept).rows } } : {}),
    mistakes: topMistakes(n, spec, false),
    code: { create: (context) => new TopOfRecords(context, n, spec as TopOfRecordsSpec<unknown>) },
  });
}

class TopOfRecords implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #n: number;
  readonly #by: (record: unknown) => unknown;
  readonly #criteria: number | undefined;
  readonly #compare;
  readonly #emit: EmitBest;
  readonly #life: RowLife;
  readonly #groups;

  constructor(context: OperatorContext, n: number, spec: TopOfRecordsSpec<unknown>) {
    const { by, order = 'descending', rows = 'lists', ttl, ttlBy } = spec;
    this.#n = n;
    this.#by = by;
    this.#criteria = typeof order === 'string' ? undefined : order.length;
    this.#compare = comparison(order);
    this.#emit = emitBest(context.output(), rows);
    this.#life = new RowLife(context.time, ttl, ttlBy);
    this.#groups = context.table<Kept>(ROWS, {
      clone: (kept) => kept,
      domain: this.#life.domain,
      onTimer: (cell, time) => {
        if (!this.#life.ends) return;
        const { key, value } = cell;
        this.#groups.remove(cell);
        this.#emit(key, value, NO_BEST, this.#life.timeOf(time, Math.max(...value.times)));
      },
    });
    this.inputs = [{ record: (value, time, key) => this.#record(value, time, key!) }];
  }

  #record(value: unknown, time: number, group: KeyId): void {
    const by = this.#by(value);
    if (by instanceof Promise) throw returnedPromise('top');
    const rank = sortableOf(by, this.#criteria);
    const found = this.#groups.find(group, undefined);
    const before = found?.value ?? NOTHING;
    const at = this.#placeOf(before, rank, time);
    const cell = found ?? this.#groups.create(group, undefined, before);
    this.#life.renew(this.#groups, cell, time);
    if (at >= this.#n) return;
    const after: Kept = {
      ids: NO_BEST.ids,
      rows: inserted(before.rows, at, value, this.#n),
      ranks: inserted(before.ranks, at, rank, this.#n),
      times: inserted(before.times, at, time, this.#n),
    };
    this.#groups.set(cell, after);
    this.#emit(group, before, after, time);
  }

  /** Behind all that rank before it. */
  #placeOf({ ranks, times }: Kept, rank: Sortable, time: number): number {
    let at = ranks.length;
    while (at > 0) {
      const compared = this.#compare(rank, ranks[at - 1]!);
      if (compared > 0 || (compared === 0 && time >= times[at - 1]!)) break;
      at--;
    }
    return at;
  }
}

/** The list with an item at that place, cut to n. */
function inserted<V>(list: readonly V[], at: number, item: V, n: number): V[] {
  const all = list.slice(0, at);
  all.push(item);
  for (let i = at; i < list.length && all.length < n; i++) all.push(list[i]!);
  return all;
}
