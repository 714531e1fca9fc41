import { MillraceError, type WallTime } from '../../model/index.ts';
import type { LogEntry, LogSlice, ReadLimit, Topic } from '../../ports/index.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocol/index.ts';
import type { Schedule } from './schedule.ts';

/** A message of an internal topic as it is stored, and as it was meant. */
export interface StoredMessage {
  readonly offset: number;
  readonly time: number;
  readonly bytes: Uint8Array;
  /** Shared: must not be changed. */
  readonly message: Message;
}

interface StoredTopic {
  readonly topic: Topic;
  readonly partitions: StoredMessage[][];
}

/** The simulated brokers: what is in the internal topics. Every method happens at once. */
export class StoredLog {
  readonly maxMessageBytes: number;
  /** Called with every message as soon as it can be seen. */
  onAppend: (topic: string, partition: number, message: StoredMessage) => void = () => {};
  /** Called with every message as soon as it is there for good. */
  onSettled: (topic: string, partition: number, message: StoredMessage) => void = () => {};
  readonly #schedule: Schedule;
  readonly #topics = new Map<string, StoredTopic>();
  #incarnations = 0;
  /** In the order of their appends. */
  #staged: { readonly topic: string; readonly partition: number; readonly message: StoredMessage }[] = [];

  constructor(schedule: Schedule, maxMessageBytes: number) {
    this.#schedule = schedule;
    this.maxMessageBytes = maxMessageBytes;
  }

  ensureTopic(name: string, partitions: number): Topic {
    const old = this.#topics.get(name);
    if (old !== undefined && old.topic.partitions >= partitions) return old.topic;
    const list = old?.partitions ?? [];
    while (list.length < partitions) list.push([]);
    const topic: Topic = { name, id: old?.topic.id ?? `topic-${++this.#incarnations}`, partitions };
    this.#topics.set(name, { topic, partitions: list });
    return topic;
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)?.topic;
  }

  /** All messages of a partition, by offset. */
  messages(topic: string, partition: number): readonly StoredMessage[] {
    return this.#topics.get(topic)?.partitions[partition] ?? [];
  }

  /** Deletes a topic and makes it anew. */
  recreate(name: string): void {
    const { partitions } = this.#current(name).topic;
    this.#topics.delete(name);
    this.ensureTopic(name, partitions);
  }

  /** Loses the last messages of a partition, which will be written over. */
  truncate(name: string, partition: number, end: number): void {
    this.#partition(name, partition).length = end;
  }

  append(entries: readonly LogEntry[]): void {
    this.stage(entries);
    this.settle();
  }

  /** Appends what can be seen at once, and is there for good after `settle`. All entries or none. */
  stage(entries: readonly LogEntry[]): void {
    const prepared = entries.map((entry) => {
      const stored = this.#partition(entry.topic, entry.partition);
      const bytes = entry.bytes ?? encodeMessage(entry.message);
      if (bytes.length > this.maxMessageBytes) {
        throw new MillraceError('bad-record', `the message is too large for the log: ${bytes.length} bytes`);
      }
      return { entry, stored, bytes };
    });
    for (const { entry, stored, bytes } of prepared) {
      const message = { offset: stored.length, time: this.#schedule.now, bytes, message: entry.message };
      stored.push(message);
      this.#staged.push({ topic: entry.topic, partition: entry.partition, message });
      this.onAppend(entry.topic, entry.partition, message);
    }
  }

  get hasStaged(): boolean {
    return this.#staged.length > 0;
  }

  /** What is staged is there for good. */
  settle(): void {
    for (const { topic, partition, message } of this.#staged.splice(0)) this.onSettled(topic, partition, message);
  }

  /** What is staged is gone. */
  lose(): void {
    for (const { topic, partition, message } of this.#staged.splice(0).reverse())
      this.truncate(topic, partition, message.offset);
  }

  /** Of each partition's entries only so many first ones as `share` (0 to 1) says. */
  appendPart(entries: readonly LogEntry[], share: number): void {
    const places = new Map<string, LogEntry[]>();
    for (const entry of entries) {
      const place = `${entry.topic}/${entry.partition}`;
      places.set(place, [...(places.get(place) ?? []), entry]);
    }
    for (const list of places.values()) this.append(list.slice(0, Math.floor(list.length * share)));
  }

  read(topic: Topic, partition: number, from: number, limit: ReadLimit): LogSlice {
    this.#incarnation(topic);
    const stored = this.#partition(topic.name, partition);
    const found = stored.slice(from, from + limit.messages);
    const messages = found.map(({ offset, time, bytes }) => ({
      offset,
      time: time as WallTime,
      message: decodeMessage(bytes),
    }));
    return { messages, next: from + messages.length, start: 0, end: stored.length };
  }

  bounds(topic: Topic, partition: number): { start: number; end: number } {
    this.#incarnation(topic);
    return { start: 0, end: this.#partition(topic.name, partition).length };
  }

  #current(name: string): StoredTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new MillraceError('data-lost', `the topic does not exist: ${name}`);
    return topic;
  }

  #incarnation(topic: Topic): void {
    if (this.#current(topic.name).topic.id === topic.id) return;
    throw new MillraceError('data-lost', `the topic was deleted and created again: ${topic.name}`);
  }

  #partition(topic: string, partition: number): StoredMessage[] {
    const found = this.#current(topic).partitions[partition];
    if (found === undefined) throw new MillraceError('data-lost', `the topic has no partition ${partition}: ${topic}`);
    return found;
  }
}
