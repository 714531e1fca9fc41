import type { Duration, WallTime } from '../model/index.ts';
import type { Message } from '../protocol/index.ts';

/** One incarnation of a topic: a topic deleted and created again has another `id`. */
export interface Topic {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
}

export interface LogEntry {
  readonly topic: string;
  readonly partition: number;
  readonly message: Message;
  /** The message as `encodeMessage` wrote it, where the sender had to know its size already. */
  readonly bytes?: Uint8Array;
  /** About how many bytes it will have, from a sender that has made sure that it can be encoded, and is far from too large. */
  readonly size?: number;
}

export interface LogMessage {
  readonly offset: number;
  /** When the log took it in (LogAppendTime). Never falls within a partition in a sound log; readers take the maximum. */
  readonly time: WallTime;
  readonly message: Message;
}

/** What a read found. Offsets ascend and may have holes; all below `next` and at or after the asked one have been looked at. */
export interface LogSlice {
  readonly messages: readonly LogMessage[];
  readonly next: number;
  /** First offset still kept and first offset not yet written, as known at the read. */
  readonly start: number;
  readonly end: number;
}

export interface ReadLimit {
  readonly messages: number;
  readonly bytes: number;
}

/** Where one wants to read. */
export interface LogPlace {
  readonly topic: Topic;
  readonly partition: number;
  readonly from: number;
}

/**
 * Topics of partitions of messages: durable, ordered per partition.
 *
 * Guarantees needed: an acknowledged append is never lost; entries of one `append` for one partition keep their order, and
 * follow all appends acknowledged before; a failed append may have taken effect, wholly or for a prefix of each partition;
 * a read after an acknowledged append sees it. Errors are `MillraceError`s of kind `unavailable` (outcome unknown, try
 * again), `data-lost` (topic recreated) or `bad-record` (message too large).
 */
export interface Log {
  /** Longest message in encoded bytes; undefined where messages are kept as they are. Frames above it are split by the sender. */
  readonly maxMessageBytes: number | undefined;
  /** The topic, made with that many partitions if it does not exist; one that exists with fewer is widened. */
  ensureTopic(name: string, partitions: number): Promise<Topic>;
  /** The topic as it is now, or undefined. */
  topic(name: string): Promise<Topic | undefined>;
  append(entries: readonly LogEntry[]): Promise<void>;
  /** Messages from `from` on; `data-lost` if the topic is no longer the incarnation `topic.id`. May return fewer than exist, but not none. */
  read(topic: Topic, partition: number, from: number, limit: ReadLimit): Promise<LogSlice>;
  /**
   * Looks at many places at once, and waits up to `patience` for something to be there: for each place what was found, messages or a log that is shorter
   * than the place; undefined where nothing was. The limit of bytes is for all places together, that of messages for each. Throws what `read` throws for
   * any of them. May be called while another call waits. Absent where there is nothing to wait with: then places are read again and again.
   */
  readMany?(
    places: readonly LogPlace[],
    limit: ReadLimit,
    patience: Duration,
    signal?: AbortSignal,
  ): Promise<readonly (LogSlice | undefined)[]>;
  /** First kept offset and end offset (high watermark). */
  bounds(topic: Topic, partition: number): Promise<{ readonly start: number; readonly end: number }>;
  /** Lets go of messages below `before`. Logs with a retention of their own do nothing. */
  trim(topic: Topic, partition: number, before: number): Promise<void>;
}
