import { type KeyId, MillraceError, type WallTime } from '../model/index.ts';
import type { Receiver } from '../operators/index.ts';
import type { Json, SinkBatch, SinkConnector, SinkHost, SinkWriter } from '../ports/index.ts';
import type { Unit } from './unit.ts';

/** Records for a sink that a commit still owes. */
export interface SinkDebt {
  readonly sink: string;
  readonly batch: SinkBatch;
}

/**
 * One task's end of a sink: collects a batch's records, then writes them. `state` is what the next commit remembers; a writer is opened with the
 * last confirmed one and puts its destination back to it.
 */
export class SinkOutput implements Receiver {
  readonly id: string;
  readonly guarantee: string;
  /** What it has written stays written, and counts: another attempt must bring the same. */
  readonly isFinal: boolean;
  state: Json | undefined;
  /** If set, looks at every record and throws what is wrong with it. */
  inspect: ((value: unknown) => void) | undefined;
  readonly #connector: SinkConnector<unknown>;
  readonly #host: SinkHost;
  readonly #unit: Unit;
  #writer: SinkWriter | undefined;
  #values: unknown[] = [];
  #times: number[] = [];
  #keys: (KeyId | undefined)[] = [];
  #causes: number[] = [];
  #ks: number[] = [];

  constructor(id: string, connector: SinkConnector<unknown>, host: SinkHost, unit: Unit, state: Json | undefined) {
    this.id = id;
    this.guarantee = connector.guarantee;
    this.isFinal = connector.goesBack !== true && connector.guarantee !== 'at-least-once';
    this.#connector = connector;
    this.#host = host;
    this.#unit = unit;
    this.state = state;
  }

  record(value: unknown, time: number, key: KeyId | undefined): void {
    if (this.inspect !== undefined) this.inspect(value);
    const cause = this.#unit.cause;
    const last = this.#causes.length - 1;
    this.#ks.push(last >= 0 && this.#causes[last] === cause ? this.#ks[last]! + 1 : 0);
    this.#values.push(value);
    this.#times.push(time);
    this.#keys.push(key);
    this.#causes.push(cause);
  }

  get pending(): number {
    return this.#values.length;
  }

  /** A place to which `rollback` can return. */
  mark(): number {
    return this.#values.length;
  }

  rollback(mark: number): void {
    this.#values.length = mark;
    this.#times.length = mark;
    this.#keys.length = mark;
    this.#causes.length = mark;
    this.#ks.length = mark;
  }

  /** Takes out what was collected. */
  take(upTo: number, watermark: number, since: WallTime): SinkBatch {
    const batch = {
      values: this.#values,
      times: this.#times,
      keys: this.#keys,
      causes: this.#causes,
      ks: this.#ks,
      upTo,
      watermark,
      since,
    };
    this.#values = [];
    this.#times = [];
    this.#keys = [];
    this.#causes = [];
    this.#ks = [];
    return batch;
  }

  /** Writes a batch; afterwards `state` is what the commit must hold. */
  async write(batch: SinkBatch): Promise<void> {
    if (batch.values.length === 0) return;
    this.state = await (await this.#open()).write(batch);
  }

  /** The commit that remembers `state` is in the store for good. What a writer fails to clear away then, the next one finds when it is opened. */
  committed(state: Json | undefined): void {
    if (state === undefined) return;
    try {
      this.#writer?.committed?.(state);
    } catch {}
  }

  /** The input has ended and everything is committed. */
  async finish(): Promise<void> {
    await (await this.#open()).finish();
  }

  async close(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }

  async #open(): Promise<SinkWriter> {
    try {
      this.#writer ??= await this.#connector.open(this.#host, this.state);
      return this.#writer;
    } catch (error) {
      if (error instanceof MillraceError) throw error.at({ sink: this.id });
      throw new MillraceError('unavailable', `the sink "${this.id}" cannot be opened: ${String(error)}`, {
        cause: error,
        where: { sink: this.id },
      });
    }
  }
}
