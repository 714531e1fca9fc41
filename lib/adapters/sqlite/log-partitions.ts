import type { StatementSync } from 'node:sqlite';
import { MillraceError, type WallTime } from '../../model/index.ts';
import type { LogMessage, Topic } from '../../ports/index.ts';
import type { StateFile } from './state-file.ts';

const OFFSETS = 2 ** 36;

/** The id of a partition's message in the table of messages. */
export const messageId = (partition: number, offset: number): number => partition * OFFSETS + offset;
/** The offset of the message with that id. */
export const offsetOf = (id: number): number => id % OFFSETS;

/** What is known of a partition without looking at the file. */
export interface PartitionState {
  readonly id: number;
  /** First offset kept, trims not yet written included. */
  start: number;
  /** First offset kept as the file has it. */
  startInFile: number;
  next: number;
  lastTime: number;
  dirty: boolean;
  /** Messages that are not in the file yet, up to `next`; those trimmed meanwhile never get there. */
  readonly staged: StagedMessage[];
}

/** A message that is kept in memory until it is written. */
export interface StagedMessage extends LogMessage {
  /** Made, at the latest, when it is written. */
  bytes: Uint8Array | undefined;
  /** Its encoded size, or about that. */
  readonly size: number;
}

interface TopicState {
  readonly topic: Topic;
  readonly partitions: readonly PartitionState[];
}

/**
 * Topics, and per partition where it starts, what comes next and the last append time. A process that writes is the only one, and
 * remembers them; one that only reads looks them up each time.
 */
export class LogPartitions {
  readonly #file: StateFile;
  readonly #topics = new Map<string, TopicState>();
  readonly #dirty: PartitionState[] = [];
  readonly #trimmed = new Set<PartitionState>();
  readonly #selectTopic: StatementSync;
  readonly #selectPartitions: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  constructor(file: StateFile) {
    this.#file = file;
    this.#selectTopic = file.prepare('SELECT id, name, incarnation, partitions FROM topics WHERE name = ?');
    this.#selectPartitions = file.prepare(
      'SELECT id, first, next, last_time FROM partitions WHERE topic = ? ORDER BY partition',
    );
    this.#update = file.prepare('UPDATE partitions SET first = ?, next = ?, last_time = ? WHERE id = ?');
    this.#delete = file.prepare('DELETE FROM messages WHERE id >= ? AND id < ?');
  }

  topic(name: string): Topic | undefined {
    return this.#state(name)?.topic;
  }

  ensureTopic(name: string, partitions: number): Topic {
    const found = this.#state(name);
    if (found !== undefined && found.topic.partitions >= partitions) return found.topic;
    this.#file.transaction(() => {
      const upsert =
        'INSERT INTO topics (name, incarnation, partitions) VALUES (?, lower(hex(randomblob(8))), ?) ON CONFLICT DO UPDATE SET partitions = excluded.partitions';
      this.#file.prepare(upsert).run(name, partitions);
      const id = this.#selectTopic.get(name)!['id'] as number;
      const insert = this.#file.prepare(
        'INSERT INTO partitions (topic, partition, first, next, last_time) VALUES (?, ?, 0, 0, 0)',
      );
      for (let partition = found?.topic.partitions ?? 0; partition < partitions; partition++) insert.run(id, partition);
      return true;
    });
    this.#topics.delete(name);
    const widened = this.#state(name)!;
    if (found === undefined) return widened.topic;
    const states = [...found.partitions, ...widened.partitions.slice(found.partitions.length)];
    this.#topics.set(name, { topic: widened.topic, partitions: states });
    return widened.topic;
  }

  deleteTopic(name: string): void {
    const found = this.#state(name);
    if (found === undefined) return;
    this.#file.transaction(() => {
      for (const { id } of found.partitions) this.#delete.run(messageId(id, 0), messageId(id + 1, 0));
      this.#file.prepare('DELETE FROM partitions WHERE topic = (SELECT id FROM topics WHERE name = ?)').run(name);
      this.#file.prepare('DELETE FROM topics WHERE name = ?').run(name);
      return true;
    });
    for (const state of found.partitions) this.#trimmed.delete(state);
    this.#topics.delete(name);
  }

  /** The state of a topic's partition; `data-lost` if the topic is another incarnation by now. */
  of(topic: Topic, partition: number): PartitionState {
    const found = this.#state(topic.name);
    if (found !== undefined && found.topic.id !== topic.id) {
      throw new MillraceError('data-lost', `the topic was deleted and created again: ${topic.name}`, {
        where: { topic: topic.name },
      });
    }
    return this.#partition(found, topic.name, partition);
  }

  /** The state of a partition of the topic of that name, whichever incarnation. */
  at(name: string, partition: number): PartitionState {
    return this.#partition(this.#state(name), name, partition);
  }

  /** Takes the next offset and a time that does not fall; to be kept by `save` or undone by `forget`. */
  take(state: PartitionState, now: WallTime): { readonly offset: number; readonly time: WallTime } {
    const offset = state.next++;
    state.lastTime = Math.max(state.lastTime, now);
    if (!state.dirty) this.#dirty.push(state);
    state.dirty = true;
    return { offset, time: state.lastTime as WallTime };
  }

  trim(state: PartitionState, before: number): void {
    if (before <= state.start) return;
    state.start = Math.min(before, state.next);
    while (state.staged.length > 0 && state.staged[0]!.offset < state.start) state.staged.shift();
    if (state.start > state.startInFile) this.#trimmed.add(state);
  }

  get hasTrimmed(): boolean {
    return this.#trimmed.size > 0;
  }

  /** Partitions of which something was taken that is not settled. */
  get unsettled(): readonly PartitionState[] {
    return this.#dirty;
  }

  /** Writes what has changed and deletes what has been trimmed, inside a transaction. */
  save(): void {
    for (const state of this.#trimmed) {
      this.#delete.run(messageId(state.id, state.startInFile), messageId(state.id, state.start));
      if (!state.dirty) this.#dirty.push(state);
      state.dirty = true;
    }
    for (const state of this.#dirty) this.#update.run(state.start, state.next, state.lastTime, state.id);
  }

  /** The transaction with the last `save` is in the file. */
  settle(): void {
    for (const state of this.#dirty) {
      state.dirty = false;
      state.startInFile = state.start;
      state.staged.length = 0;
    }
    this.#dirty.length = 0;
    this.#trimmed.clear();
  }

  /** The transaction is not in the file, or may not be: everything is looked up again. */
  forget(): void {
    this.#dirty.length = 0;
    this.#trimmed.clear();
    this.#topics.clear();
  }

  #partition(found: TopicState | undefined, name: string, partition: number): PartitionState {
    if (found === undefined)
      throw new MillraceError('data-lost', `the topic does not exist: ${name}`, { where: { topic: name } });
    const state = found.partitions[partition];
    if (state !== undefined) return state;
    throw new MillraceError('data-lost', `the topic has no partition ${partition}: ${name}`, {
      where: { topic: name, partition },
    });
  }

  #state(name: string): TopicState | undefined {
    const known = this.#topics.get(name);
    if (known !== undefined && !this.#file.readOnly) return known;
    return this.#file.guard(() => {
      const row = this.#selectTopic.get(name);
      if (row === undefined) return undefined;
      const partitions = this.#selectPartitions.all(row['id']!).map((columns): PartitionState => {
        const [id, start, next, lastTime] = Object.values(columns) as [number, number, number, number];
        return { id, start, startInFile: start, next, lastTime, dirty: false, staged: [] };
      });
      const topic: Topic = { name, id: row['incarnation'] as string, partitions: partitions.length };
      const state = { topic, partitions };
      this.#topics.set(name, state);
      return state;
    });
  }
}
