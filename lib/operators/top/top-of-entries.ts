import { type Key, type KeyId, keyIdOf } from '../../model/index.ts';
import { definition, returnedPromise } from '../author-code.ts';
import type { OperatorDefinition } from '../definition.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { RowLife } from '../row-life.ts';
import { type EntryChange, ROWS } from '../table/index.ts';
import { OrderedEntries, type Place } from './ordered-entries.ts';
import { sameValue } from './same-value.ts';
import { comparison, type Sortable, sortableOf } from './sort-key.ts';
import { type TopOfRecordsSpec, type TopSpec, topFacts, topMistakes } from './top-options.ts';
import { type Best, type EmitBest, emitBest, NO_BEST } from './top-rows.ts';

/**
 * The best n rows of each group of a table. All rows of a group are kept, in order, so that when one goes or sinks the next moves up. Of rows that rank alike the one with the
 * lesser key comes first, so that the result depends on the rows alone.
 */
export function topOfTableOperator<V>(n: number, spec: TopSpec<V>): OperatorDefinition {
  return entriesOperator(n, spec as TopSpec<unknown>, (top) => (value, time, group) => {
    const { entry, after } = value as EntryChange<unknown>;
    top.change(group!, entry, after, time);
  });
}

/** As `topOfTableOperator`, of a stream whose records replace what was known of their entity, in order of arrival. */
export function topOfEntitiesOperator<T>(n: number, spec: TopOfRecordsSpec<T>): OperatorDefinition {
  const unique = spec.unique as (record: unknown) => Key;
  return entriesOperator(n, spec as TopOfRecordsSpec<unknown>, (top) => (value, time, group) => {
    const entity = unique(value);
    if (entity instanceof Promise) throw returnedPromise('top');
    top.change(group!, keyIdOf(entity), value, time);
  });
}

function entriesOperator(
  n: number,
  spec: TopOfRecordsSpec<unknown>,
  input: (top: TopOfEntries) => Receiver['record'],
): OperatorDefinition {
  const { rows = 'lists' } = spec;
  return definition({
    ...topFacts(n, spec),
    state: { entries: 1, order: 1, ...(rows === 'lists' ? { [ROWS]: 1 } : {}) },
    ...(rows === 'lists' ? { rows: { state: ROWS, row: (list: unknown) => list } } : {}),
    mistakes: topMistakes(n, spec, true),
    code: {
      create(context) {
        const top = new TopOfEntries(context, n, spec);
        return { inputs: [{ record: input(top) }] } satisfies Operator;
      },
    },
  });
}

/** What is kept of an entry, beside its place in the order. */
interface Entry {
  readonly rank: Sortable;
  readonly row: unknown;
  readonly time: number;
}

class TopOfEntries {
  readonly #n: number;
  readonly #by: (row: unknown) => unknown;
  readonly #criteria: number | undefined;
  readonly #emit: EmitBest;
  readonly #life: RowLife;
  readonly #entries;
  readonly #order: OrderedEntries;
  readonly #lists;

  constructor(context: OperatorContext, n: number, spec: TopOfRecordsSpec<unknown>) {
    const { by, order = 'descending', rows = 'lists', ttl, ttlBy } = spec;
    this.#n = n;
    this.#by = by;
    this.#criteria = typeof order === 'string' ? undefined : order.length;
    this.#emit = emitBest(context.output(), rows);
    this.#life = new RowLife(context.time, ttl, ttlBy);
    this.#entries = context.table<Entry>('entries', {
      clone: (entry) => entry,
      domain: this.#life.domain,
      onTimer: ({ key, sub, value }, time) => {
        if (this.#life.ends) this.change(key, sub!, undefined, this.#life.timeOf(time, value.time));
      },
    });
    this.#order = new OrderedEntries(context, 'order', comparison(order));
    this.#lists =
      rows === 'lists' ? context.table<readonly unknown[]>(ROWS, { clone: (list) => list, domain: 'none' }) : undefined;
  }

  /** What the row of an entry is now; undefined if there is none any more. */
  change(group: KeyId, id: KeyId, row: unknown, time: number): void {
    const cell = this.#entries.find(group, id);
    const had = cell?.value;
    if (row === undefined) {
      if (had === undefined) return;
    } else if (cell !== undefined && sameValue(had!.row, row)) {
      this.#life.renew(this.#entries, cell, time);
      return;
    }
    const from = had === undefined ? undefined : { rank: had.rank, id };
    const to = row === undefined ? undefined : { rank: this.#rankOf(row), id };
    const concerned = this.#concerns(group, from, to);
    const before = concerned ? this.#best(group) : NO_BEST;
    if (from === undefined || to === undefined || this.#order.compare(from, to) !== 0) {
      if (from !== undefined) this.#order.remove(group, from);
      if (to !== undefined) this.#order.insert(group, to);
    }
    if (to === undefined) this.#entries.remove(cell!);
    else {
      const entry: Entry = { rank: to.rank, row, time };
      const kept = cell ?? this.#entries.create(group, id, entry);
      if (cell !== undefined) this.#entries.set(cell, entry);
      this.#life.renew(this.#entries, kept, time);
    }
    if (!concerned) return;
    const after = this.#best(group);
    this.#keep(group, after.rows);
    this.#emit(group, before, after, time);
  }

  #rankOf(row: unknown): Sortable {
    const by = this.#by(row);
    if (by instanceof Promise) throw returnedPromise('top');
    return sortableOf(by, this.#criteria);
  }

  /** Whether an entry is among the best before or after its change. */
  #concerns(group: KeyId, from: Place | undefined, to: Place | undefined): boolean {
    const last = this.#order.nth(group, this.#n);
    if (last === undefined) return true;
    const within = (place: Place | undefined): boolean => place !== undefined && this.#order.compare(place, last) <= 0;
    return within(from) || within(to);
  }

  #best(group: KeyId): Best {
    const ids = this.#order.first(group, this.#n);
    return { ids, rows: ids.map((id) => this.#entries.find(group, id)!.value.row) };
  }

  #keep(group: KeyId, list: readonly unknown[]): void {
    const lists = this.#lists;
    if (lists === undefined) return;
    const cell = lists.find(group, undefined);
    if (cell === undefined) lists.create(group, undefined, list);
    else if (list.length === 0) lists.remove(cell);
    else lists.set(cell, list);
  }
}
