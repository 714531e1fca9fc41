/** Runs one operator without the runtime: its tables in a store, its outputs in memory, time moved by hand. */
import { type KeyId, keyIdOf, MAX_TIME, MIN_TIME } from '../../lib/model/index.ts';
import type { Operator, OperatorDefinition, Receiver } from '../../lib/operators/index.ts';
import {
  KeyedStore,
  type Mark,
  NEVER,
  type RowLayout,
  type TableOptions,
  type TimerQueue,
} from '../../lib/state/index.ts';

export interface Emitted<T = unknown> {
  readonly value: T;
  readonly time: number;
  readonly key: KeyId | undefined;
}

/** A place to return to. */
interface Moment {
  readonly mark: Mark;
  readonly watermark: number;
  readonly processingTime: number;
  readonly emitted: ReadonlyMap<string, number>;
  readonly counts: ReadonlyMap<string, number>;
  readonly draws: number;
}

const MAIN = '';

export class Harness {
  readonly store = new KeyedStore();
  readonly counts = new Map<string, number>();
  readonly tables: string[] = [];
  watermark: number = MIN_TIME;
  watermarkBefore: number = MIN_TIME;
  processingTimeBefore = 0;
  processingTime = 0;
  readonly #operator: Operator;
  readonly #emitted = new Map<string, Emitted[]>([[MAIN, []]]);
  #draws = 0;

  constructor(definition: OperatorDefinition) {
    if (definition.mistakes !== undefined && definition.mistakes.length > 0) {
      throw new Error(definition.mistakes.map(({ rule }) => rule).join('; '));
    }
    const harness = this;
    this.#operator = definition.code.create({
      operator: 'tested',
      time: {
        get watermark() {
          return harness.watermark;
        },
        get processingTime() {
          return harness.processingTime;
        },
        get watermarkBefore() {
          return harness.watermarkBefore;
        },
        get processingTimeBefore() {
          return harness.processingTimeBefore;
        },
        random: () => ((++this.#draws * 0x9e3779b1) % 1000) / 1000,
      },
      table: <V>(name: string, options: TableOptions<V>) => {
        if (!(name in definition.state)) throw new Error(`table ${name} is not in the definition's state`);
        this.tables.push(name);
        return this.store.table(name, options);
      },
      rows: <V>(name: string, layout: RowLayout<V>) => {
        if (!(name in definition.state)) throw new Error(`table ${name} is not in the definition's state`);
        this.tables.push(name);
        return this.store.rows(name, layout);
      },
      output: (side = MAIN): Receiver => {
        if (side !== MAIN && !definition.sides.includes(side)) throw new Error(`${side} is not in the sides`);
        const emitted: Emitted[] = this.#emitted.get(side) ?? [];
        this.#emitted.set(side, emitted);
        return { record: (value, time, key) => void emitted.push({ value: frozen(value), time, key }) };
      },
      count: (metric, n) => void this.counts.set(metric, (this.counts.get(metric) ?? 0) + n),
    });
    if (this.tables.length !== Object.keys(definition.state).length)
      throw new Error('the definition names other tables');
  }

  record(value: unknown, time: number, key?: Parameters<typeof keyIdOf>[0], input = 0): this {
    this.#operator.inputs[input]!.record(frozen(value), time, key === undefined ? undefined : keyIdOf(key));
    return this;
  }

  /** Moves the watermark and fires what is due. */
  advance(watermark: number): this {
    if (watermark <= this.watermark) return this;
    this.watermarkBefore = this.watermark;
    this.watermark = watermark;
    fire(this.store.eventTimers, watermark);
    expire(this.store.eventExpiry, watermark);
    return this;
  }

  /** Ends all input. */
  end(): this {
    return this.advance(MAX_TIME);
  }

  /** Moves processing time and fires what is due. */
  at(processingTime: number): this {
    this.processingTimeBefore = this.processingTime;
    this.processingTime = Math.max(this.processingTime, processingTime);
    fire(this.store.processingTimers, this.processingTime);
    expire(this.store.processingExpiry, this.processingTime);
    return this;
  }

  emitted(side = MAIN): readonly Emitted[] {
    return this.#emitted.get(side) ?? [];
  }

  values<T>(side = MAIN): T[] {
    return this.emitted(side).map(({ value }) => value as T);
  }

  count(metric: string): number {
    return this.counts.get(metric) ?? 0;
  }

  mark(): Moment {
    return {
      mark: this.store.mark(),
      watermark: this.watermark,
      processingTime: this.processingTime,
      emitted: new Map([...this.#emitted].map(([side, records]) => [side, records.length])),
      counts: new Map(this.counts),
      draws: this.#draws,
    };
  }

  rollback(moment: Moment): void {
    this.store.rollback(moment.mark);
    this.watermark = moment.watermark;
    this.processingTime = moment.processingTime;
    for (const [side, records] of this.#emitted) records.length = moment.emitted.get(side) ?? 0;
    this.counts.clear();
    for (const [metric, n] of moment.counts) this.counts.set(metric, n);
    this.#draws = moment.draws;
  }
}

function fire(queue: TimerQueue, limit: number): void {
  for (let due = queue.takeDue(limit); due !== undefined; due = queue.takeDue(limit)) {
    const time = due[0]!.timer;
    for (const cell of due) {
      if (cell.timer !== time) continue;
      cell.table.schedule(cell, NEVER);
      cell.table.options.onTimer?.(cell, time);
    }
  }
}

function expire(queue: TimerQueue, limit: number): void {
  for (let due = queue.takeDue(limit); due !== undefined; due = queue.takeDue(limit)) {
    const time = due[0]!.timer;
    for (const cell of due) if (cell.timer === time) cell.table.remove(cell);
  }
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const part of Object.values(value)) frozen(part);
    Object.freeze(value);
  }
  return value;
}
