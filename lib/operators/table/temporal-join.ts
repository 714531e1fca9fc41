/** Records joined to a table as it was at their event time: Flink's `FOR SYSTEM_TIME AS OF`, Kafka Streams' versioned stores. */
import { type KeyId, keyOf } from '../../model/index.ts';
import { type Cell, NEVER } from '../../state/index.ts';
import { asyncMistakes, definition, returnedPromise } from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { rowOf } from './change.ts';
import type { StreamTableJoiner } from './stream-table-join.ts';
import type { RowOf } from './to-table.ts';

export interface TemporalJoinSpec {
  readonly kind: 'inner' | 'left';
  readonly joiner: StreamTableJoiner<unknown, unknown, unknown>;
  /** Makes the row of a record of the changelog. Default: the record itself. */
  readonly row?: RowOf<unknown, unknown> | undefined;
  /** How far behind the watermark records may be and still find the version of their time, in milliseconds. */
  readonly grace: number;
  /** The side output for records that are later than that. Without it they are only counted. */
  readonly lateSide?: string | undefined;
}

/** A row since a time; undefined where it was deleted. */
interface Version {
  readonly time: number;
  readonly row: unknown;
}

/**
 * Each record of the first input with the row that the second, a changelog, gave its key at the record's event time: the version with the latest time at or before it, of equal
 * times the one that came last. A record waits until the watermark has reached its time, so that all versions up to it are there. One that comes within the grace behind
 * the watermark is joined at once; a later one is `late`. So it is with versions: within the grace they change what later records see, not what was emitted; later ones are
 * dropped (counted as `late-versions`).
 *
 * Of each key are kept its versions within the grace, and the newest before.
 */
export function temporalJoinOperator(spec: TemporalJoinSpec): OperatorDefinition {
  const { kind, joiner, row, grace, lateSide } = spec;
  return definition({
    type: 'temporal-join',
    inputs: ['key', 'key'],
    needsKey: true,
    stateful: true,
    eventTime: true,
    steps: 'every',
    state: { versions: 1, waiting: 1 },
    options: { kind, grace },
    sides: lateSide === undefined ? [] : [lateSide],
    functions: row === undefined ? [joiner] : [joiner, row],
    mistakes: [...asyncMistakes('temporalJoin', joiner, row), ...graceMistakes(grace)],
    code: { create: (context) => new TemporalJoin(context, spec) },
  });
}

class TemporalJoin implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #spec: TemporalJoinSpec;
  readonly #out: Receiver;
  readonly #late: Receiver | undefined;
  readonly #versions;
  readonly #waiting;

  constructor(context: OperatorContext, spec: TemporalJoinSpec) {
    this.#context = context;
    this.#spec = spec;
    this.#out = context.output();
    this.#late = spec.lateSide === undefined ? undefined : context.output(spec.lateSide);
    this.#versions = context.table<readonly Version[]>('versions', { clone: (list) => list, domain: 'event-ttl' });
    this.#waiting = context.table<readonly unknown[]>('waiting', {
      clone: (records) => records,
      domain: 'event',
      onTimer: (cell, time) => {
        const { key, value: records } = cell;
        this.#waiting.remove(cell);
        for (const record of records) this.#join(record, time, key);
      },
    });
    this.inputs = [
      { record: (value, time, key) => this.#record(value, time, key!) },
      { record: (value, time, key) => this.#version(value, time, key!) },
    ];
  }

  #record(value: unknown, time: number, key: KeyId): void {
    const { watermark } = this.#context.time;
    if (time > watermark) {
      const cell = this.#waiting.find(key, time);
      if (cell === undefined) this.#waiting.schedule(this.#waiting.create(key, time, [value]), time);
      else this.#waiting.set(cell, [...cell.value, value]);
    } else if (time >= watermark - this.#spec.grace) this.#join(value, time, key);
    else {
      this.#context.count('late', 1);
      this.#late?.record(value, time, key);
    }
  }

  #join(record: unknown, time: number, id: KeyId): void {
    const versions = this.#versions.find(id, undefined)?.value ?? [];
    const row = versions.findLast((version) => version.time <= time)?.row;
    if (row === undefined && this.#spec.kind === 'inner') {
      this.#context.count('unmatched', 1);
      return;
    }
    const joined = this.#spec.joiner(record, row, keyOf(id));
    if (joined instanceof Promise) throw returnedPromise('temporalJoin');
    this.#out.record(joined, time, id);
  }

  #version(value: unknown, time: number, key: KeyId): void {
    const row = rowOf('temporalJoin', this.#spec.row === undefined ? value : this.#spec.row(value));
    const horizon = this.#context.time.watermark - this.#spec.grace;
    if (time < horizon) {
      this.#context.count('late-versions', 1);
      return;
    }
    const cell = this.#versions.find(key, undefined);
    const list = cell?.value ?? [];
    const at = list.findLastIndex((version) => version.time <= time);
    const same = list[at]?.time === time ? 1 : 0;
    const all = [...list.slice(0, at + 1 - same), { time, row }, ...list.slice(at + 1)];
    const oldest = all.findLastIndex((version) => version.time <= horizon);
    const kept = oldest <= 0 ? all : all.slice(oldest);
    const last = kept[kept.length - 1]!;
    if (last.row === undefined && last.time <= horizon) {
      if (cell !== undefined) this.#versions.remove(cell);
      return;
    }
    this.#keep(cell, key, kept, last.row === undefined ? last.time + this.#spec.grace : NEVER);
  }

  /** A key whose last version is a deletion is forgotten once nobody can ask for what was before. */
  #keep(cell: Cell<readonly Version[]> | undefined, key: KeyId, list: readonly Version[], until: number): void {
    const kept = cell ?? this.#versions.create(key, undefined, list);
    if (cell !== undefined) this.#versions.set(cell, list);
    if (kept.timer !== until) this.#versions.schedule(kept, until);
  }
}

function graceMistakes(grace: number): Mistake[] {
  if (Number.isFinite(grace) && grace >= 0) return [];
  return [{ rule: `the grace is ${grace} ms`, fix: 'give a span such as minutes(5)' }];
}
