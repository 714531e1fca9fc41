/** Records joined to a table as it was at their event time: Flink's `FOR SYSTEM_TIME AS OF`, Kafka Streams' versioned stores. */
import { type KeyId, keyOf } from '../../model/index.ts';
import { NEVER, NONE, type RowTable } from '../../state/index.ts';
import { definition, functionMistakes, optionalMistakes, returnedPromise } from '../author-code.ts';
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

/** Rows by key and the time since which they stand; undefined since when there is none. */
const VERSIONS = '$versions';
/** Records by key and the order in which they came. */
const WAITING = '$waiting';

/** A row of a table that is one value, never changed in place. */
const ONE_VALUE = {
  width: 0,
  clone: (value: unknown) => value,
  pack: (value: unknown) => value,
  unpack: (_numbers: Float64Array, _at: number, value: unknown) => value,
};

/**
 * Each record of the first input with the row that the second, a changelog, gave its key at the record's event time: the version with the latest time at or before it, of equal
 * times the one that came last. A record waits until the watermark has reached its time, so that all versions up to it are there. One that comes within the grace behind
 * the watermark is joined at once; a later one is `late`. So it is with versions: within the grace they change what later records see, not what was emitted; later ones are
 * dropped (counted as `late-versions`).
 *
 * Of each key are kept its versions within the grace, and the newest before unless it is a deletion: a version is forgotten when the watermark has gone the grace beyond the next
 * one's time, whether or not anything more is heard of its key.
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
    state: { [VERSIONS]: 1, [WAITING]: 1 },
    options: { kind, grace, late: lateSide ?? null },
    sides: lateSide === undefined ? [] : [lateSide],
    functions: row === undefined ? [joiner] : [joiner, row],
    mistakes: [
      ...functionMistakes('temporalJoin', joiner),
      ...optionalMistakes('toVersionedTable', row),
      ...graceMistakes(grace),
    ],
    code: { create: (context) => new TemporalJoin(context, spec) },
  });
}

class TemporalJoin implements Operator {
  readonly inputs: readonly Receiver[];
  readonly #context: OperatorContext;
  readonly #spec: TemporalJoinSpec;
  readonly #out: Receiver;
  readonly #late: Receiver | undefined;
  readonly #versions: RowTable<unknown>;
  readonly #waiting: RowTable<unknown>;

  constructor(context: OperatorContext, spec: TemporalJoinSpec) {
    this.#context = context;
    this.#spec = spec;
    this.#out = context.output();
    this.#late = spec.lateSide === undefined ? undefined : context.output(spec.lateSide);
    this.#versions = context.rows<unknown>(VERSIONS, { ...ONE_VALUE, domain: 'event-ttl' });
    const waiting = context.rows<unknown>(WAITING, {
      ...ONE_VALUE,
      domain: 'event',
      onTimer: (at, time) => {
        const record = waiting.partAt(at);
        const key = waiting.keyAt(at);
        waiting.drop(at);
        this.#join(record, time, key);
      },
    });
    this.#waiting = waiting;
    this.inputs = [
      { record: (value, time, key) => this.#record(value, time, key!) },
      { record: (value, time, key) => this.#version(value, time, key!) },
    ];
  }

  #record(value: unknown, time: number, key: KeyId): void {
    const { watermark } = this.#context.time;
    if (time > watermark) this.#wait(value, time, key);
    else if (time >= watermark - this.#spec.grace) this.#join(value, time, key);
    else {
      this.#context.count('late', 1);
      this.#late?.record(value, time, key);
    }
  }

  #wait(record: unknown, time: number, key: KeyId): void {
    const waiting = this.#waiting;
    const last = waiting.last(key);
    const at = waiting.add(key, last === NONE ? 0 : waiting.subAt(last) + 1);
    waiting.setPart(at, record);
    waiting.scheduleRow(at, time);
  }

  #join(record: unknown, time: number, id: KeyId): void {
    const at = this.#versions.upTo(id, time);
    const row = at === NONE ? undefined : this.#versions.partAt(at);
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
    if (time < this.#context.time.watermark - this.#spec.grace) {
      this.#context.count('late-versions', 1);
      return;
    }
    const versions = this.#versions;
    let at = versions.row(key, time);
    if (at === NONE) at = versions.add(key, time);
    else versions.touchRow(at);
    versions.setPart(at, row);
    const former = versions.before(at);
    if (former !== NONE) this.#keep(former);
    this.#keep(at);
  }

  /** Keeps a version as long as records may ask for it; a deletion only until what was before it is forgotten. */
  #keep(at: number): void {
    const versions = this.#versions;
    const next = versions.partAt(at) === undefined ? at : versions.after(at);
    const until = next === NONE ? NEVER : versions.subAt(next) + this.#spec.grace;
    if (until <= this.#context.time.watermark) versions.drop(at);
    else if (until !== versions.timerAt(at)) versions.scheduleRow(at, until);
  }
}

function graceMistakes(grace: number): Mistake[] {
  if (Number.isFinite(grace) && grace >= 0) return [];
  return [{ rule: `the grace is ${grace} ms`, fix: 'give a span such as minutes(5)' }];
}
