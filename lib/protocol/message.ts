/**
 * What stands in a task's log: frames of records from upstream tasks, and the pump's and the operator's control messages.
 * These are plain data. Logs of bytes write them with the codec beside this file; logs in memory keep them as they are.
 * Nothing in a message is ever changed after it was appended.
 */
import type { KeyId, Position } from '../model/index.ts';

/** (Upstream task, edge), seen from a downstream task. */
export interface ChannelId {
  /** Edge of the plan; it names the sending stage and the receiving input. */
  readonly edge: string;
  /** Partition of the sending task; negative for a side channel (replayed records), which no watermark waits for. */
  readonly task: number;
}

/** `edge#task`: a channel as a map key. */
export const channelName = (edge: string, task: number): string => `${edge}#${task}`;

/**
 * One partitioned batch of exactly one channel. The columns `values`, `times`, `causes`, `ks` (and `keys`, on a keyed edge)
 * are of one length; record i has position (causes[i], ks[i]), and positions ascend.
 */
export interface Frame {
  readonly kind: 'frame';
  readonly run: string;
  readonly channel: ChannelId;
  /** How many channels the edge has, so that a receiver knows when all have reported. */
  readonly channels: number;
  /** The sender's code version; diagnostic only. */
  readonly epoch: number;
  /** `thru` of the frame before this one on the channel. */
  readonly prev: Position;
  /** How far this frame speaks. */
  readonly thru: Position;
  readonly values: readonly unknown[];
  readonly keys: readonly (KeyId | undefined)[] | undefined;
  readonly times: readonly number[];
  readonly causes: readonly number[];
  readonly ks: readonly number[];
  /** Watermark steps as flat pairs (number of this frame's records before the step, watermark), ascending in both. */
  readonly steps: readonly number[];
}

/** What the pump knows of one silent channel; a statement that stays true. */
export interface Claim {
  readonly channel: ChannelId;
  /** The sender's `thru` towards this partition when it was verified: what must have been applied for `watermark` to hold. */
  readonly prev: Position;
  /** The sender's next offset, which was the end of its log. */
  readonly upTo: number;
  /** No record with event time <= this follows after `prev`; absent where nothing can be said of time. */
  readonly watermark: number | undefined;
  /** Wall-clock time since which nothing has arrived. */
  readonly silentSince: number;
}

export interface Claims {
  readonly kind: 'claims';
  readonly run: string;
  /** The earliest clock reading of the round. */
  readonly time: number;
  /** Number of channels per edge, as the pump sees it. */
  readonly edges: readonly (readonly [edge: string, channels: number])[];
  readonly list: readonly Claim[];
}

/** Processing time for a task that hears nothing else. */
export interface Tick {
  readonly kind: 'tick';
  readonly run: string;
  readonly time: number;
}

/** From here on the log is processed by code version `epoch`. */
export interface Barrier {
  readonly kind: 'barrier';
  readonly run: string;
  readonly epoch: number;
  /** Fingerprint of the code that takes over. */
  readonly code: string;
}

export type Message = Frame | Claims | Tick | Barrier;
