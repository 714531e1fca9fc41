/**
 * What a task takes in next: messages of its log or rows of its source, in order, holes filled and ends proven.
 */
import { MillraceError, messageOf, taskName, type WallTime } from '../model/index.ts';
import type { AsyncCalls } from '../operators/index.ts';
import type { LogMessage, SourceSlice } from '../ports/index.ts';
import type { Applier, AsyncResults } from './applier.ts';
import { type AsyncRow, asyncPass } from './async-pass.ts';
import { AttemptOver } from './attempt.ts';
import { SourceBatch } from './source-batch.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskState } from './task-state.ts';

/** A batch on its way into a state: how to apply it from the beginning, up to an offset. */
export interface Batch {
  readonly from: number;
  readonly upTo: number;
  /** Applies what lies below `limit`; returns the offset after the last message that was applied. */
  apply(applier: Applier, limit: number, careful: boolean): number;
  readonly cursor: unknown;
  /** When records of a source were found, by the clock after the read: nothing that came by then is later than this. Undefined if there were none. */
  readonly arrivedAt: number | undefined;
  readonly ended: boolean;
}

export class Intake {
  readonly #host: TaskHost;
  /** Results of calls for messages that are not applied yet, where the host stopped before all were there. */
  readonly #kept = new Map<number, AsyncRow>();
  #calls: AsyncCalls | undefined;

  constructor(host: TaskHost) {
    this.#host = host;
  }

  /** Closes what the stage's asynchronous operator has opened; the next batch opens it anew. */
  async close(): Promise<void> {
    const { stage, task, telemetry } = this.#host;
    try {
      await this.#calls?.close();
    } catch (error) {
      telemetry.log('warn', `${stage.nodes[0]} could not close its client: ${messageOf(error)}`, {
        task: taskName(task),
      });
    }
  }

  /** The next messages to apply, holes filled and ends proven; undefined if there are none. Where the host stops before all calls they need have ended, those before that. */
  async batch(state: TaskState, delivered: readonly LogMessage[] | undefined): Promise<Batch | undefined> {
    return this.#host.source === undefined ? this.#messages(state, delivered) : this.#rows(state);
  }

  async #messages(state: TaskState, delivered: readonly LogMessage[] | undefined): Promise<Batch | undefined> {
    const { log, limits } = this.#host;
    const topic = this.#host.topic!;
    const partition = this.#host.task.partition;
    let messages = (delivered ?? []).filter((m) => m.offset >= state.nextOffset);
    let upTo = state.nextOffset + messages.length;
    if (delivered === undefined || !contiguous(messages, state.nextOffset)) {
      const slice = await log.read(topic, partition, state.nextOffset, {
        messages: limits.batchMessages,
        bytes: limits.batchBytes,
      });
      if (slice.start > state.nextOffset || slice.end < state.nextOffset)
        throw this.#dataLost(state.nextOffset, slice.start, slice.end);
      messages = slice.messages.filter((m) => m.offset >= state.nextOffset);
      upTo = slice.next;
    }
    if (upTo <= state.nextOffset) return undefined;
    const barrier = messages.findIndex(
      ({ message }) => message.kind === 'barrier' && message.run === this.#host.run.id && message.epoch > state.epoch,
    );
    if (barrier >= 0 && barrier < messages.length - 1) {
      messages = messages.slice(0, barrier + 1);
      upTo = messages[barrier]!.offset + 1;
    }
    state.since = messages[0]?.time;
    const results = await this.#asyncResults(state, messages);
    if (results !== undefined && results.complete < messages.length) {
      messages = messages.slice(0, results.complete);
      upTo = (messages.at(-1)?.offset ?? -1) + 1;
      if (upTo <= state.nextOffset) return undefined;
    }
    return {
      from: state.nextOffset,
      upTo,
      cursor: undefined,
      arrivedAt: undefined,
      ended: false,
      apply: (applier, limit, careful) => {
        for (const message of messages) {
          if (message.offset >= limit) return limit;
          const back = careful ? applier.wayBack() : undefined;
          try {
            applier.message(message, results?.rows);
          } catch (error) {
            if (back !== undefined && error instanceof AttemptOver) applier.goBack(back);
            throw error;
          }
        }
        return upTo;
      },
    };
  }

  /** What the stage's asynchronous operator makes of the messages, and of how many; undefined if it has none. */
  async #asyncResults(
    state: TaskState,
    messages: readonly LogMessage[],
  ): Promise<{ readonly rows: AsyncResults; readonly complete: number } | undefined> {
    const { stage, code, clock, run, signal } = this.#host;
    const first = stage.nodes[0]!;
    const async = code.operators.get(first)?.code.async;
    if (async === undefined) return undefined;
    this.#calls ??= async.begin();
    const kept = this.#kept;
    for (const offset of kept.keys()) if (offset < state.nextOffset) kept.delete(offset);
    const host = { operator: first, clock, stop: signal, count: state.chain.counting(first) };
    const complete = await asyncPass(this.#calls, host, messages, run.id, state.channels, kept);
    const rows = new Map([...kept].map(([offset, { results }]) => [offset, results]));
    if (complete === messages.length) kept.clear();
    return { rows, complete };
  }

  async #rows(state: TaskState): Promise<Batch | undefined> {
    const source = this.#host.source!;
    if (state.done) return undefined;
    const end = Math.min(source.end ?? Number.MAX_SAFE_INTEGER, state.drainTo ?? Number.MAX_SAFE_INTEGER);
    const from = state.nextOffset;
    const known = state.found !== undefined && state.found.upTo > from ? state.found.upTo : Number.MAX_SAFE_INTEGER;
    const limit = Math.min(end, known, state.handOver?.at ?? Number.MAX_SAFE_INTEGER);
    const want = Math.min(this.#host.limits.sourceRows, limit - from);
    const slice: SourceSlice =
      want <= 0
        ? { values: [], next: from, start: 0, end: undefined, sealed: false }
        : await source.log.read(this.#host.task.partition, from, want, (state.cursor ?? undefined) as never);
    const isShorter = slice.end !== undefined && slice.end < from && slice.values.length === 0;
    if (slice.start > from || isShorter) throw this.#dataLost(from, slice.start, slice.end);
    const upTo = Math.min(slice.next, limit);
    const ended = upTo >= end || (slice.sealed && slice.end !== undefined && upTo >= slice.end);
    if (upTo <= from && !ended) return undefined;
    state.ahead = { end: slice.end, bytes: slice.bytesLeft };
    const [first = 0] = slice.times ?? [];
    state.since = first > 0 ? (first as WallTime) : undefined;
    const now = this.#host.clock.now();
    if (source.partitions !== undefined) state.partitions = await source.partitions();
    return {
      from,
      upTo,
      cursor: slice.next === upTo ? slice.cursor : undefined,
      arrivedAt: slice.values.length > 0 ? now : undefined,
      ended,
      apply: (applier, applyLimit, careful) => {
        new SourceBatch(this.#host.stage.source!, source.definition, state, now).apply(
          slice,
          from,
          applyLimit,
          applier,
          careful,
        );
        return upTo;
      },
    };
  }

  #dataLost(next: number, start: number, end: number | undefined): MillraceError {
    const where = { ...this.#host.task, offset: next };
    return end !== undefined && end < next
      ? new MillraceError(
          'data-lost',
          `the log of ${taskName(this.#host.task)} ends at ${end}, before the offset ${next} that is next`,
          { where, hint: 'the log was truncated or created anew; start a new run' },
        )
      : new MillraceError(
          'data-lost',
          `the log of ${taskName(this.#host.task)} starts at ${start}, after the offset ${next} that is next`,
          { where, hint: 'its retention overtook the task; start a new run, and keep the log longer' },
        );
  }
}

function contiguous(messages: readonly LogMessage[], from: number): boolean {
  return messages.length > 0 && messages.every((m, i) => m.offset === from + i);
}
