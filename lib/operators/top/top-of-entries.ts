import { type KeyId, keyIdOf } from '../../model/index.ts';
import { definition, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import type { OperatorContext } from '../operator.ts';
import { RowLife } from '../row-life.ts';
import { type EntryChange, ROWS } from '../table/index.ts';
import { OrderedEntries } from './ordered-entries.ts';
import { sameValue } from './same-value.ts';
import { type Comparison, comparison, type Sortable, sortableOf } from './sort-key.ts';
import { type TopOfRecordsSpec, type TopSpec, topFacts, topMistakes } from './top-options.ts';
import { type Best, type EmitBest, emitBest, NO_BEST } from './top-rows.ts';

/**
 * The best n rows of each group of a table. All rows of a group are kept, in order, so that when one goes or sinks the next moves up. Of rows that rank alike the one with the
 * lesser key comes first, so that the result depends on the rows alone.
 */
export function topOfTableOperator<V>(n: number, spec: TopSpec<V>): OperatorDefinition {
  const { rows = 'lists' } = spec;
  return definition({
    ...factsOf(n, spec),
    state: { order: 1, ...(rows === 'lists' ? { [ROWS]: 1 } : {}) },
    code: {
      create(context) {
        const top = new Top(context, n, spec as TopSpec<unknown>);
        return {
          inputs: [
            {
              record(value, time, group) {
                const { entry, before, after } = value as EntryChange<unknown>;
                const order = top.order.of(group!);
                const known = before === undefined ? undefined : order.find(entry, top.rankOf(before));
                if (known === undefined ? after === undefined : sameValue(known.row, after)) return;
                top.change(
                  group!,
                  entry,
                  known?.rank,
                  after === undefined ? undefined : top.rankOf(after),
                  after,
                  time,
                );
              },
            },
          ],
        };
      },
    },
  });
}

/** What is kept of an entity, beside its row. */
interface Entity {
  readonly rank: Sortable;
  readonly time: number;
}

/** As `topOfTableOperator`, of a stream whose records replace what was known of their entity, in order of arrival. */
export function topOfEntitiesOperator<T>(n: number, spec: TopOfRecordsSpec<T>): OperatorDefinition {
  const { rows = 'lists', unique, ttl, ttlBy } = spec;
  return definition({
    ...factsOf(n, spec),
    state: { order: 1, entities: 1, ...(rows === 'lists' ? { [ROWS]: 1 } : {}) },
    code: {
      create(context) {
        const top = new Top(context, n, spec as TopOfRecordsSpec<unknown>);
        const life = new RowLife(context.time, ttl, ttlBy);
        const entities = context.table<Entity>('entities', {
          clone: (entity) => entity,
          domain: life.domain,
          onTimer(cell, time) {
            if (!life.ends) return;
            const { key, value } = cell;
            entities.remove(cell);
            top.order.of(key);
            top.change(key, cell.sub!, value.rank, undefined, undefined, life.timeOf(time, value.time));
          },
        });
        return {
          inputs: [
            {
              record(value, time, group) {
                const entity = unique!(value as T);
                if (entity instanceof Promise) throw returnedPromise('top');
                const id = keyIdOf(entity);
                const rank = top.rankOf(value);
                const cell = entities.find(group!, id);
                const had = cell?.value.rank;
                const kept = cell ?? entities.create(group!, id, { rank, time });
                if (cell !== undefined) entities.set(cell, { rank, time });
                life.renew(entities, kept, time);
                const order = top.order.of(group!);
                if (had !== undefined && sameValue(order.find(id, had)!.row, value)) return;
                top.change(group!, id, had, rank, value, time);
              },
            },
          ],
        };
      },
    },
  });
}

function factsOf(n: number, spec: TopOfRecordsSpec<never>) {
  const { rows = 'lists' } = spec;
  return {
    ...topFacts(n, spec),
    ...(rows === 'lists' ? { rows: { state: ROWS, row: (list: unknown) => list } } : {}),
    mistakes: topMistakes(n, spec, true),
  };
}

/** The rows of groups in order, and the best of them. */
class Top {
  readonly order: OrderedEntries;
  readonly #by: (row: unknown) => unknown;
  readonly #criteria: number | undefined;
  readonly #compare: Comparison;
  readonly #named: boolean;
  readonly #emit: EmitBest;
  /** The lists of groups, where those are the rows of the result. */
  readonly #lists;

  constructor(context: OperatorContext, n: number, spec: TopSpec<unknown>) {
    const { by, order = 'descending', rows = 'lists' } = spec;
    this.#by = by;
    this.#criteria = typeof order === 'string' ? undefined : order.length;
    this.#compare = comparison(order);
    this.#named = rows === 'entries';
    this.#emit = emitBest(context.output(), rows);
    this.order = new OrderedEntries(context, 'order', this.#compare, n);
    this.#lists =
      rows === 'lists' ? context.table<readonly unknown[]>(ROWS, { clone: (list) => list, domain: 'none' }) : undefined;
  }

  rankOf(row: unknown): Sortable {
    const by = this.#by(row);
    if (by instanceof Promise) throw returnedPromise('top');
    return sortableOf(by, this.#criteria);
  }

  /** An entry had this rank, and has another; undefined where it was or is not there. The order must be at its group. */
  change(
    group: KeyId,
    id: KeyId,
    had: Sortable | undefined,
    rank: Sortable | undefined,
    row: unknown,
    time: number,
  ): void {
    const { order } = this;
    const lists = this.#lists;
    const rowsBefore = lists === undefined ? order.rows() : NO_BEST.rows;
    const idsBefore = this.#ids();
    const was = had === undefined ? -1 : order.placeOf(had, id);
    let is = was;
    if (had !== undefined && rank !== undefined && this.#compare(had, rank) === 0) order.replace(rank, id, row);
    else {
      if (had !== undefined) order.remove(had, id);
      is = rank === undefined ? -1 : order.insert(rank, id, row);
    }
    if (was < 0 && is < 0) return;
    const after: Best = { rows: order.rows(), ids: this.#ids() };
    const list = lists?.find(group, undefined);
    const before: Best = { rows: list?.value ?? rowsBefore, ids: idsBefore };
    if (lists !== undefined) {
      if (list === undefined) lists.create(group, undefined, after.rows);
      else if (after.rows.length === 0) lists.remove(list);
      else lists.set(list, after.rows);
    }
    this.#emit(group, before, after, time);
  }

  #ids(): readonly KeyId[] {
    return this.#named ? this.order.ids() : NO_BEST.ids;
  }
}
