import type { StatementSync } from 'node:sqlite';
import { MillraceError, type TaskId, type WallTime } from '../../model/index.ts';
import type { Clock, Log, LogEntry, LogMessage, LogSlice, ReadLimit, Topic } from '../../ports/index.ts';
import { type CommitHeader, decodeMessage, encodeMessage } from '../../protocol/index.ts';
import { LogPartitions, messageId, offsetOf, type PartitionState } from './log-partitions.ts';
import type { StateFile } from './state-file.ts';
import { TailCache, type TailCacheLimits } from './tail-cache.ts';

export interface SqliteLogOptions {
  readonly clock: Clock;
  readonly cache: TailCacheLimits;
  readonly maxMessageBytes: number;
}

/** Who keeps what is written in memory for a while. */
export interface Grouping {
  /** Messages have been staged in the log by themselves. */
  appended(): void;
  flush(): Promise<void>;
  /** Does `work` at a moment at which nothing is staged: for what is written at once, after all that was staged before. */
  alone<T>(work: () => T): Promise<T>;
  /** The newest header of a task, if it is staged. */
  head(run: string, task: TaskId): CommitHeader | undefined;
}

/** What an append has worked out before its transaction begins. */
interface Prepared {
  readonly partition: PartitionState;
  readonly entry: LogEntry;
  readonly bytes: Uint8Array | undefined;
  readonly size: number;
}

/**
 * A log in a state file. Offsets have no holes and are never used again, not after a trim and not after a restart. An append takes
 * effect wholly or not at all. Messages that this process appended last are handed out as the objects they were; all others are decoded.
 * What is trimmed is deleted with the next transaction that writes, so that trimming costs none of its own.
 */
export class SqliteLog implements Log {
  readonly maxMessageBytes: number;
  /** If set, appends stay in memory until the group is written. */
  group: Grouping | undefined;
  readonly #file: StateFile;
  readonly #clock: Clock;
  readonly #partitions: LogPartitions;
  readonly #cache: TailCache;
  readonly #insert: StatementSync;
  readonly #select: StatementSync;

  constructor(file: StateFile, options: SqliteLogOptions) {
    this.#file = file;
    this.#clock = options.clock;
    this.maxMessageBytes = options.maxMessageBytes;
    this.#cache = new TailCache(options.cache);
    this.#partitions = new LogPartitions(file);
    this.#insert = file.prepare('INSERT INTO messages (id, time, bytes) VALUES (?, ?, ?)');
    this.#select = file.prepare('SELECT id, time, bytes FROM messages WHERE id >= ? AND id < ? ORDER BY id');
  }

  async ensureTopic(name: string, partitions: number): Promise<Topic> {
    return this.alone(() => this.#partitions.ensureTopic(name, partitions));
  }

  async topic(name: string): Promise<Topic | undefined> {
    return this.#partitions.topic(name);
  }

  /** Drops a topic and its messages. One made again under the name is another incarnation. */
  async deleteTopic(name: string): Promise<void> {
    await this.alone(() => {
      this.#partitions.deleteTopic(name);
      this.#cache.clear();
    });
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    if (entries.length === 0) return;
    if (this.group === undefined) this.appendWith(entries, () => true);
    else {
      this.stage(entries);
      this.group.appended();
    }
  }

  /** Does `work`, which writes at once, after all that was staged before. */
  async alone<T>(work: () => T): Promise<T> {
    return this.group === undefined ? work() : this.group.alone(work);
  }

  /** Appends entries in memory, all or none; `write` brings them to the file. */
  stage(entries: readonly LogEntry[]): void {
    const prepared = entries.map((entry) => this.#prepare(entry, entry.size));
    const now = this.#clock.now();
    for (const { partition, entry, bytes, size } of prepared) {
      const { offset, time } = this.#partitions.take(partition, now);
      partition.staged.push({ offset, time, message: entry.message, bytes, size });
    }
  }

  /** Whether something waits for `write`: messages, or the deletion of what was trimmed. */
  get hasStaged(): boolean {
    return this.#partitions.unsettled.length > 0 || this.#partitions.hasTrimmed;
  }

  /** Writes what is staged, and does `work`, in one transaction. If that throws, everything is as it was. */
  write(work: () => void): void {
    this.#file.transaction(() => {
      work();
      for (const { id, staged } of this.#partitions.unsettled) {
        for (const message of staged) {
          message.bytes ??= encodeMessage(message.message);
          this.#insert.run(messageId(id, message.offset), message.time, message.bytes);
        }
      }
      this.#partitions.save();
      return true;
    });
    for (const { id, staged } of this.#partitions.unsettled) {
      for (const { offset, time, message, bytes } of staged)
        this.#cache.add(id, { offset, time, message }, bytes!.length);
    }
    this.#partitions.settle();
  }

  /** Appends entries and does `work` in one transaction; neither has happened if `work` throws or returns false, which is then returned. Nothing may be staged. */
  appendWith(entries: readonly LogEntry[], work: () => boolean): boolean {
    const prepared = entries.map((entry) => this.#prepare(entry));
    const appended = this.#transaction(() => (work() ? this.#write(prepared) : undefined));
    if (appended === undefined) return false;
    this.#partitions.settle();
    appended.forEach((message, i) => {
      this.#cache.add(prepared[i]!.partition.id, message, prepared[i]!.size);
    });
    return true;
  }

  async read(topic: Topic, partition: number, from: number, limit: ReadLimit): Promise<LogSlice> {
    return this.#file.snapshot(() => {
      const state = this.#partitions.of(topic, partition);
      const slice = new SliceBuilder(limit, Math.max(from, state.start));
      const written = state.next - state.staged.length;
      if (slice.offset < written && this.#cache.get(state.id, slice.offset) === undefined)
        this.#readFile(state, topic, partition, slice);
      while (!slice.full && slice.offset < written) {
        const kept = this.#cache.get(state.id, slice.offset);
        if (kept?.message === undefined) throw this.#missing(topic, partition, slice.offset);
        if (slice.takes(kept.bytes)) slice.push(kept.message);
      }
      while (!slice.full && slice.offset < state.next) {
        const staged = state.staged[slice.offset - written]!;
        if (slice.takes(staged.size)) slice.push(staged);
      }
      return { messages: slice.messages, next: Math.max(from, slice.offset), start: state.start, end: state.next };
    });
  }

  /** Adds messages from the file, until the slice is full or the next one is in the cache. */
  #readFile(state: PartitionState, topic: Topic, partition: number, slice: SliceBuilder): void {
    for (const row of this.#select.iterate(messageId(state.id, slice.offset), messageId(state.id, state.next))) {
      const { offset } = slice;
      if (offsetOf(row['id'] as number) !== offset) throw this.#missing(topic, partition, offset);
      const encoded = row['bytes'] as Uint8Array;
      if (!slice.takes(encoded.length)) return;
      slice.push({ offset, time: row['time'] as WallTime, message: decodeAt(encoded, topic, partition, offset) });
      if (this.#cache.get(state.id, slice.offset) !== undefined) return;
    }
  }

  async bounds(topic: Topic, partition: number): Promise<{ readonly start: number; readonly end: number }> {
    const { start, next } = this.#partitions.of(topic, partition);
    return { start, end: next };
  }

  async trim(topic: Topic, partition: number, before: number): Promise<void> {
    const state = this.#partitions.of(topic, partition);
    this.#partitions.trim(state, before);
    this.#cache.trim(state.id, state.start);
  }

  /** Deletes what has been trimmed, in a transaction of its own. */
  flush(): void {
    if (this.#partitions.hasTrimmed) this.appendWith([], () => true);
  }

  #transaction<T>(work: () => T | undefined): T | undefined {
    try {
      return this.#file.transaction(work);
    } catch (thrown) {
      this.#partitions.forget();
      this.#cache.clear();
      throw thrown;
    }
  }

  /** `size`: about the size of a message that need not be encoded yet. */
  #prepare(entry: LogEntry, size?: number): Prepared {
    const partition = this.#partitions.at(entry.topic, entry.partition);
    if (size !== undefined && entry.bytes === undefined) return { partition, entry, bytes: undefined, size };
    const bytes = entry.bytes ?? encodeMessage(entry.message);
    if (bytes.length > this.maxMessageBytes) {
      throw new MillraceError(
        'bad-record',
        `the message is too large for the log: ${bytes.length} bytes, at most ${this.maxMessageBytes}`,
        {
          where: { topic: entry.topic, partition: entry.partition },
        },
      );
    }
    return { partition, entry, bytes, size: bytes.length };
  }

  #write(prepared: readonly Prepared[]): LogMessage[] {
    const now = this.#clock.now();
    const messages: LogMessage[] = [];
    for (const { partition, entry, bytes } of prepared) {
      const { offset, time } = this.#partitions.take(partition, now);
      this.#insert.run(messageId(partition.id, offset), time, bytes!);
      messages.push({ offset, time, message: entry.message });
    }
    this.#partitions.save();
    return messages;
  }

  #missing(topic: Topic, partition: number, offset: number): MillraceError {
    return new MillraceError(
      'data-lost',
      `a message is missing from the state file: ${topic.name}/${partition} offset ${offset}`,
      {
        where: { file: this.#file.path, topic: topic.name, partition, offset },
        hint: 'restore the data directory from a copy, or start again with an empty one',
      },
    );
  }
}

/** Messages of one read, up to its limit. */
class SliceBuilder {
  readonly messages: LogMessage[] = [];
  readonly #limit: ReadLimit;
  /** The next message's offset. */
  offset: number;
  full = false;
  #bytes = 0;

  constructor(limit: ReadLimit, offset: number) {
    this.#limit = limit;
    this.offset = offset;
  }

  /** Whether a message of that size still fits; the first always does. */
  takes(bytes: number): boolean {
    this.#bytes += bytes;
    this.full =
      this.messages.length > 0 && (this.messages.length >= this.#limit.messages || this.#bytes > this.#limit.bytes);
    return !this.full;
  }

  push(message: LogMessage): void {
    this.messages.push(message);
    this.offset++;
  }
}

function decodeAt(bytes: Uint8Array, topic: Topic, partition: number, offset: number) {
  try {
    return decodeMessage(bytes);
  } catch (thrown) {
    throw thrown instanceof MillraceError ? thrown.at({ topic: topic.name, partition, offset }) : thrown;
  }
}
