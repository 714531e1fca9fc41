import type { KafkaRecord } from '../adapters/kafka/index.ts';
import type { WallTime } from '../model/index.ts';
import type { Random } from '../ports/index.ts';
import {
  type DeliveredTexts,
  EVENT_OVERHEAD,
  PARTITION_OVERHEAD,
  PAYLOAD_LIMIT,
  type RecordForm,
  recordText,
} from './event.ts';
import { type Habits, happens } from './habits.ts';
import type { KafkaMapping } from './mapping.ts';

/** What one delivery takes of a partition. */
export interface Part extends DeliveredTexts {
  readonly first: number;
  /** The offset behind its last record. */
  readonly next: number;
}

export interface Batch {
  readonly parts: readonly Part[];
  readonly records: number;
}

/** Records of a partition that wait, in order. */
interface Waiting {
  readonly records: KafkaRecord[];
  /** When the oldest of them came. */
  since: WallTime;
  /** A delivery of it is under way. */
  busy: boolean;
}

/** A record that no payload can hold, which Lambda never delivers. */
export interface Oversized {
  readonly partition: number;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Gathers what is read of a topic's partitions and cuts deliveries from it: those whose window is over or whose batch is full, each with at most so many
 * records and bytes. A partition of which a delivery is under way waits until that is done, so that its records are delivered in order.
 */
export class Batches {
  readonly #mapping: KafkaMapping;
  readonly #habits: Habits;
  readonly #random: Random;
  readonly #waiting = new Map<number, Waiting>();
  /** Whom the next delivery begins with, so that all have their turn. */
  #turn = 0;
  timestampType: RecordForm['timestampType'] = 'CREATE_TIME';
  /** Told of records that cannot be delivered. */
  onOversized: (record: Oversized) => void = () => {};

  constructor(mapping: KafkaMapping, habits: Habits, random: Random) {
    this.#mapping = mapping;
    this.#habits = habits;
    this.#random = random;
  }

  /** How many records of a partition wait. */
  count(partition: number): number {
    return this.#waiting.get(partition)?.records.length ?? 0;
  }

  add(partition: number, records: readonly KafkaRecord[], now: WallTime): void {
    if (records.length === 0) return;
    const waiting = this.#waiting.get(partition) ?? { records: [], since: now, busy: false };
    if (waiting.records.length === 0) waiting.since = now;
    for (const record of records) waiting.records.push(record);
    this.#waiting.set(partition, waiting);
  }

  /** Forgets what waits of a partition: it is read again. */
  clear(partition: number): void {
    const waiting = this.#waiting.get(partition);
    if (waiting !== undefined) waiting.records.length = 0;
  }

  /** A delivery is done with, and its partitions may be delivered further. */
  release({ parts }: Batch): void {
    for (const { partition } of parts) {
      const waiting = this.#waiting.get(partition);
      if (waiting !== undefined) waiting.busy = false;
    }
  }

  /** When `take` may have something that it has not now; undefined: not before something is added or released. */
  due(): WallTime | undefined {
    const times = [...this.#waiting.values()]
      .filter(({ records, busy }) => records.length > 0 && !busy)
      .map(({ since }) => since + this.#mapping.window);
    return times.length === 0 ? undefined : (Math.min(...times) as WallTime);
  }

  /** The next delivery, if one is due; its partitions are busy until it is released. */
  take(now: WallTime): Batch | undefined {
    const free = this.#free();
    const { batchSize, window } = this.#mapping;
    const waits = free.reduce((sum, [, { records }]) => sum + records.length, 0);
    if (waits === 0 || (waits < batchSize && free.every(([, { since }]) => now < since + window))) return undefined;
    const sources = happens(this.#habits.mixed, this.#random) ? free : free.slice(0, 1);
    let left = batchSize;
    let bytes = PAYLOAD_LIMIT - EVENT_OVERHEAD;
    const parts: Part[] = [];
    for (const [partition, waiting] of sources) {
      if (left === 0) break;
      const { part, used } = this.#cut(partition, waiting.records, left, bytes - PARTITION_OVERHEAD);
      if (part === undefined) continue;
      waiting.busy = true;
      left -= part.texts.length;
      bytes -= used + PARTITION_OVERHEAD;
      parts.push(part);
    }
    return parts.length === 0 ? undefined : { parts, records: batchSize - left };
  }

  /** Partitions that have something to deliver, another one first each time. */
  #free(): [number, Waiting][] {
    const free = [...this.#waiting].filter(([, { records, busy }]) => records.length > 0 && !busy);
    free.sort(([a], [b]) => a - b);
    const at = free.length === 0 ? 0 : this.#turn++ % free.length;
    return [...free.slice(at), ...free.slice(0, at)];
  }

  #cut(partition: number, records: KafkaRecord[], most: number, bytes: number) {
    const texts: string[] = [];
    let used = 0;
    let taken = 0;
    let first = -1;
    for (; taken < records.length && texts.length < most; taken++) {
      const record = records[taken]!;
      const text = recordText(this.#mapping.topic, partition, record, this.#form());
      const size = Buffer.byteLength(text) + 1;
      if (size > PAYLOAD_LIMIT - EVENT_OVERHEAD - PARTITION_OVERHEAD) {
        this.onOversized({ partition, offset: record.offset, bytes: size });
        continue;
      }
      if (used + size > bytes) break;
      if (first < 0) first = record.offset;
      used += size;
      texts.push(text);
    }
    const next = taken === 0 ? 0 : records[taken - 1]!.offset + 1;
    records.splice(0, taken);
    const part: Part | undefined = texts.length === 0 ? undefined : { partition, texts, first, next };
    return { part, used };
  }

  #form(): RecordForm {
    return {
      timestampType: this.timestampType,
      absent: happens(this.#habits.absent, this.#random),
      unsigned: happens(this.#habits.unsigned, this.#random),
    };
  }
}
