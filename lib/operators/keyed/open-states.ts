import { type Key, type KeyId, keyIdOf, keyOf } from '../../model/index.ts';
import { type Cell, type CellTable, NEVER, type TableOptions } from '../../state/index.ts';
import { type Aggregator, aggregatorOf } from '../aggregate/index.ts';
import { returnedPromise } from '../author-code.ts';
import type { OperatorContext } from '../operator.ts';
import { ChunkedList, LASTING } from './chunked-list.ts';
import type { StateDescriptor, StateDescriptors, StateOptions, StatesOf } from './descriptor.ts';
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './handle.ts';
import type { Scope, Subs } from './scope.ts';

/** States that were opened together. */
export interface OpenStates<S extends StateDescriptors> {
  readonly handles: StatesOf<S>;
  /** Clears all of them, for the key (and window) in force. */
  clear(): void;
}

/** Registers the tables of declared states and makes the handles through which the author's code sees them. Once for a task. */
export function openStates<S extends StateDescriptors>(
  context: OperatorContext,
  states: S,
  scope: Scope,
  subs: Subs,
  prefix = '',
): OpenStates<S> {
  const handles = Object.fromEntries(
    Object.entries(states).map(([name, state]) => [name, open(context, prefix + name, state, scope, subs)]),
  );
  const all = Object.values(handles);
  return {
    handles: handles as unknown as StatesOf<S>,
    clear() {
      for (const handle of all) handle.clear();
    },
  };
}

function open(
  context: OperatorContext,
  name: string,
  state: StateDescriptor,
  scope: Scope,
  subs: Subs,
): { clear(): void } {
  switch (state.kind) {
    case 'value':
      return new StoredValue(new Cells(context, name, state, scope, subs, same));
    case 'list':
      return new StoredList(context, name, state, scope, subs);
    case 'map':
      return new StoredMap(new Cells(context, name, state, scope, subs, same));
    case 'reducing':
      return new StoredReduction(
        new Cells(context, name, state, scope, subs, same),
        state.reduce as (reduced: unknown, value: unknown) => unknown,
      );
    case 'aggregating': {
      const aggregator = aggregatorOf(state.aggregation) as Aggregator<unknown, unknown, unknown>;
      return new StoredAggregate(new Cells(context, name, state, scope, subs, aggregator.clone), aggregator, scope);
    }
  }
}

const same = <T>(value: T): T => value;

/** The cells of one state: finds those that have not expired, and sets their expiry. */
class Cells<V> {
  readonly table: CellTable<V>;
  readonly subs: Subs;
  readonly #scope: Scope;
  readonly #ttl: number | undefined;
  readonly #by: 'event' | 'processing';

  constructor(
    context: OperatorContext,
    name: string,
    options: StateOptions,
    scope: Scope,
    subs: Subs,
    clone: (value: V) => V,
  ) {
    const { ttl, ttlBy = 'event', version, migrate } = options;
    this.#scope = scope;
    this.#ttl = ttl;
    this.#by = ttlBy;
    this.subs = subs;
    this.table = context.table<V>(name, {
      clone,
      domain: ttl === undefined ? 'none' : ttlBy === 'event' ? 'event-ttl' : 'processing-ttl',
      ...(version === undefined ? {} : { version }),
      ...(migrate === undefined ? {} : { migrate: migrate as NonNullable<TableOptions<V>['migrate']> }),
    });
  }

  find(inner: KeyId | undefined): Cell<V> | undefined {
    const cell = this.table.find(this.#scope.key, this.subs.of(inner));
    return cell === undefined || this.#live(cell) ? cell : undefined;
  }

  /** All that have not expired. */
  all(): Cell<V>[] {
    const cells = this.subs.cells(this.table, this.#scope.key);
    return this.#ttl === undefined ? cells : cells.filter((cell) => this.#live(cell));
  }

  write(inner: KeyId | undefined, value: V): void {
    const sub = this.subs.of(inner);
    const cell = this.table.find(this.#scope.key, sub);
    if (cell !== undefined) this.table.set(cell, value);
    this.refresh(cell ?? this.table.create(this.#scope.key, sub, value));
  }

  /** The span of a cell that was written begins anew; it never ends sooner than it did. */
  refresh(cell: Cell<V>): void {
    if (this.#ttl === undefined) return;
    const expiry = this.#scope.expiry(this.#ttl, this.#by);
    if (cell.timer === NEVER || expiry > cell.timer) this.table.schedule(cell, expiry);
  }

  remove(inner: KeyId | undefined): boolean {
    const cell = this.table.find(this.#scope.key, this.subs.of(inner));
    if (cell === undefined) return false;
    const live = this.#live(cell);
    this.table.remove(cell);
    return live;
  }

  clear(): void {
    for (const cell of this.subs.cells(this.table, this.#scope.key)) this.table.remove(cell);
  }

  #live(cell: Cell<V>): boolean {
    if (this.#ttl === undefined) return true;
    return cell.timer > (this.#by === 'event' ? this.#scope.eventNow : this.#scope.processingNow);
  }
}

class StoredValue<T> implements ValueState<T> {
  readonly #cells: Cells<T>;

  constructor(cells: Cells<T>) {
    this.#cells = cells;
  }

  get(): T | undefined {
    return this.#cells.find(undefined)?.value;
  }

  set(value: T): void {
    if (value === undefined) this.clear();
    else this.#cells.write(undefined, value);
  }

  clear(): void {
    this.#cells.remove(undefined);
  }
}

class StoredReduction<T> implements ReducingState<T> {
  readonly #cells: Cells<T>;
  readonly #reduce: (reduced: T, value: T) => T;

  constructor(cells: Cells<T>, reduce: (reduced: T, value: T) => T) {
    this.#cells = cells;
    this.#reduce = reduce;
  }

  get(): T | undefined {
    return this.#cells.find(undefined)?.value;
  }

  add(value: T): void {
    const cell = this.#cells.find(undefined);
    const reduced = cell === undefined ? value : this.#reduce(cell.value, value);
    if (reduced instanceof Promise) throw returnedPromise('a reducing state');
    this.#cells.write(undefined, reduced);
  }

  clear(): void {
    this.#cells.remove(undefined);
  }
}

class StoredAggregate<In, Out> implements AggregatingState<In, Out> {
  readonly #cells: Cells<unknown>;
  readonly #aggregator: Aggregator<In, unknown, Out>;
  readonly #scope: Scope;

  constructor(cells: Cells<unknown>, aggregator: Aggregator<In, unknown, Out>, scope: Scope) {
    this.#cells = cells;
    this.#aggregator = aggregator;
    this.#scope = scope;
  }

  get(): Out | undefined {
    const cell = this.#cells.find(undefined);
    return cell === undefined ? undefined : this.#aggregator.result(cell.value);
  }

  add(record: In): void {
    const cell = this.#cells.find(undefined);
    if (cell === undefined) {
      this.#cells.write(undefined, this.#aggregator.add(this.#aggregator.create(), record, this.#scope.at));
      return;
    }
    this.#cells.table.touch(cell);
    cell.value = this.#aggregator.add(cell.value, record, this.#scope.at);
    this.#cells.refresh(cell);
  }

  clear(): void {
    this.#cells.remove(undefined);
  }
}

class StoredMap<K extends Key, V> implements MapState<K, V> {
  readonly #cells: Cells<V>;

  constructor(cells: Cells<V>) {
    this.#cells = cells;
  }

  get(key: K): V | undefined {
    return this.#cells.find(keyIdOf(key))?.value;
  }

  has(key: K): boolean {
    return this.#cells.find(keyIdOf(key)) !== undefined;
  }

  set(key: K, value: V): void {
    this.#cells.write(keyIdOf(key), value);
  }

  delete(key: K): boolean {
    return this.#cells.remove(keyIdOf(key));
  }

  entries(): readonly (readonly [key: K, value: V])[] {
    return this.#cells.all().map((cell) => [this.#keyOf(cell), cell.value] as const);
  }

  keys(): readonly K[] {
    return this.#cells.all().map((cell) => this.#keyOf(cell));
  }

  values(): readonly V[] {
    return this.#cells.all().map((cell) => cell.value);
  }

  isEmpty(): boolean {
    return this.#cells.all().length === 0;
  }

  clear(): void {
    this.#cells.clear();
  }

  #keyOf(cell: Cell<V>): K {
    return keyOf(this.#cells.subs.innerOf(cell as Cell<unknown>)) as K;
  }
}

class StoredList<T> implements ListState<T> {
  readonly #list: ChunkedList<T>;
  readonly #scope: Scope;
  readonly #ttl: number | undefined;
  readonly #by: 'event' | 'processing';

  constructor(context: OperatorContext, name: string, options: StateOptions, scope: Scope, subs: Subs) {
    const { ttl, ttlBy = 'event' } = options;
    this.#scope = scope;
    this.#ttl = ttl;
    this.#by = ttlBy;
    this.#list = new ChunkedList<T>(context, name, subs, {
      ...options,
      domain: ttl === undefined ? 'none' : ttlBy === 'event' ? 'event-ttl' : 'processing-ttl',
    });
  }

  get(): readonly T[] {
    const items: T[] = [];
    const now = this.#by === 'event' ? this.#scope.eventNow : this.#scope.processingNow;
    this.#list.each(this.#scope.key, (item, expiry) => {
      if (this.#ttl === undefined || expiry === LASTING || expiry > now) items.push(item);
    });
    return items;
  }

  add(item: T): void {
    const expiry = this.#ttl === undefined ? LASTING : this.#scope.expiry(this.#ttl, this.#by);
    this.#list.append(this.#scope.key, item, expiry);
  }

  update(items: Iterable<T>): void {
    const copied = [...items];
    this.clear();
    for (const item of copied) this.add(item);
  }

  isEmpty(): boolean {
    return this.#ttl === undefined ? this.#list.isEmpty(this.#scope.key) : this.get().length === 0;
  }

  clear(): void {
    this.#list.clear(this.#scope.key);
  }
}
