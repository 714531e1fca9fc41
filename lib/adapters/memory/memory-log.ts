import { MillraceError, type WallTime } from '../../model/index.ts';
import type { Clock, Log, LogEntry, LogMessage, LogSlice, ReadLimit, Topic } from '../../ports/index.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocol/index.ts';
import { OffsetQueue } from './offset-queue.ts';

export interface MemoryLogOptions {
  /** Keeps messages as encoded bytes and decodes them at every read, as a log outside the process would. Default: keeps the objects. */
  readonly encode?: boolean;
  /** Refuses longer messages as `bad-record`; only where they are encoded. Default: 16 MiB. */
  readonly maxMessageBytes?: number;
}

interface Stored {
  readonly offset: number;
  readonly time: WallTime;
  readonly message: Message | undefined;
  readonly bytes: Uint8Array | undefined;
}

interface MemoryTopic {
  readonly topic: Topic;
  readonly partitions: Partition[];
}

interface Partition {
  readonly queue: OffsetQueue<Stored>;
  lastTime: number;
}

/**
 * A log in this process's memory. Unless messages are encoded, one is the same object at every read, and a read's limit of bytes goes by
 * a rough guess of their size. An append takes effect wholly or not at all. Append times never fall within a partition.
 */
export class MemoryLog implements Log {
  readonly #clock: Clock;
  readonly maxMessageBytes: number | undefined;
  readonly #topics = new Map<string, MemoryTopic>();
  #incarnations = 0;

  constructor(clock: Clock, options: MemoryLogOptions = {}) {
    this.#clock = clock;
    this.maxMessageBytes = options.encode === true ? (options.maxMessageBytes ?? 16 * 2 ** 20) : undefined;
  }

  async ensureTopic(name: string, partitions: number): Promise<Topic> {
    const old = this.#topics.get(name);
    if (old !== undefined && old.topic.partitions >= partitions) return old.topic;
    const list = old?.partitions ?? [];
    while (list.length < partitions) list.push({ queue: new OffsetQueue(), lastTime: Number.NEGATIVE_INFINITY });
    const id = old?.topic.id ?? `memory-${++this.#incarnations}`;
    const topic: Topic = { name, id, partitions };
    this.#topics.set(name, { topic, partitions: list });
    return topic;
  }

  async topic(name: string): Promise<Topic | undefined> {
    return this.#topics.get(name)?.topic;
  }

  /** Drops a topic and its messages. One made again under the name is another incarnation. */
  deleteTopic(name: string): void {
    this.#topics.delete(name);
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    this.prepare(entries)();
  }

  /** Checks and encodes entries; the function returned appends them and cannot fail. */
  prepare(entries: readonly LogEntry[]): () => void {
    const partitions = entries.map((entry) => this.#partition(this.#current(entry.topic), entry.partition));
    const encoded =
      this.maxMessageBytes === undefined ? undefined : entries.map((entry) => encode(entry, this.maxMessageBytes!));
    return () => this.#publish(entries, partitions, encoded);
  }

  #publish(
    entries: readonly LogEntry[],
    partitions: readonly Partition[],
    encoded: readonly Uint8Array[] | undefined,
  ): void {
    const now = this.#clock.now();
    for (let i = 0; i < entries.length; i++) {
      const { queue } = partitions[i]!;
      const time = Math.max(now, partitions[i]!.lastTime);
      partitions[i]!.lastTime = time;
      queue.push({
        offset: queue.end,
        time: time as WallTime,
        message: encoded === undefined ? entries[i]!.message : undefined,
        bytes: encoded?.[i],
      });
    }
  }

  async read(topic: Topic, partition: number, from: number, limit: ReadLimit): Promise<LogSlice> {
    const { queue } = this.#partition(this.#incarnation(topic), partition);
    const messages: LogMessage[] = [];
    const first = Math.max(from, queue.start);
    let bytes = 0;
    for (let offset = first; offset < queue.end; offset++) {
      const stored = queue.at(offset)!;
      bytes += stored.bytes?.length ?? roughSize(stored.message!);
      if (messages.length > 0 && (messages.length >= limit.messages || bytes > limit.bytes)) break;
      const message = stored.message ?? decodeMessage(stored.bytes!);
      messages.push({ offset, time: stored.time, message });
    }
    return { messages, next: Math.max(from, first + messages.length), start: queue.start, end: queue.end };
  }

  async bounds(topic: Topic, partition: number): Promise<{ readonly start: number; readonly end: number }> {
    const { queue } = this.#partition(this.#incarnation(topic), partition);
    return { start: queue.start, end: queue.end };
  }

  async trim(topic: Topic, partition: number, before: number): Promise<void> {
    this.#partition(this.#incarnation(topic), partition).queue.trim(before);
  }

  #current(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined)
      throw new MillraceError('data-lost', `the topic does not exist: ${name}`, { where: { topic: name } });
    return topic;
  }

  #incarnation(topic: Topic): MemoryTopic {
    const current = this.#current(topic.name);
    if (current.topic.id !== topic.id) {
      throw new MillraceError('data-lost', `the topic was deleted and created again: ${topic.name}`, {
        where: { topic: topic.name },
      });
    }
    return current;
  }

  #partition(topic: MemoryTopic, partition: number): Partition {
    const found = topic.partitions[partition];
    if (found !== undefined) return found;
    throw new MillraceError('data-lost', `the topic has no partition ${partition}: ${topic.topic.name}`, {
      where: { topic: topic.topic.name, partition },
    });
  }
}

const roughSize = (message: Message): number => (message.kind === 'frame' ? 128 + 64 * message.values.length : 128);

function encode(entry: LogEntry, maxMessageBytes: number): Uint8Array {
  const bytes = entry.bytes ?? encodeMessage(entry.message);
  if (bytes.length <= maxMessageBytes) return bytes;
  throw new MillraceError(
    'bad-record',
    `the message is too large for the log: ${bytes.length} bytes, at most ${maxMessageBytes}`,
    {
      where: { topic: entry.topic, partition: entry.partition },
    },
  );
}
