/**
 * The Plan: the frozen, validated, serialisable graph. CDK, hosts, CLI and dashboard read this and nothing else.
 * It holds no functions; those are found by node id in the Pipeline it was made from.
 */
import type { Json } from '../model/index.ts';

/** An output of a node: the main one, or a side output by name. */
export interface OutputRef {
  readonly node: string;
  readonly side?: string;
}

/** What silence of a source's partition means for time; see docs/guides/time.md. */
export interface IdlePolicy {
  readonly policy: 'advance' | 'exclude' | 'hold';
  /** Milliseconds of verified silence after which a partition may drift or be excluded. */
  readonly after: number;
  /** Milliseconds that a silent partition's claim may lie behind the rest before it stops holding them back. */
  readonly drift: number;
}

export interface WatermarkPlan {
  readonly kind: 'none' | 'bounded' | 'ascending' | 'custom';
  /** Declared disorder in milliseconds: no record is this much older than one before it on its partition. */
  readonly bound: number;
}

export type BadRecordPolicy = 'fail' | 'dead-letter' | 'skip';

/** How a task goes on after the author's code threw. Delays in milliseconds. */
export type RestartPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed'; readonly attempts: number; readonly delay: number }
  | {
      readonly kind: 'exponential';
      readonly attempts: number;
      readonly initial: number;
      readonly max: number;
      readonly factor: number;
      /** 0 to 1: share of the delay that is drawn at random. */
      readonly jitter: number;
      /** After that long without a failure the delay starts over. */
      readonly reset: number;
    }
  | { readonly kind: 'failure-rate'; readonly failures: number; readonly interval: number; readonly delay: number };

export interface FaultPlan {
  readonly restart: RestartPlan;
  /** When the restarts are used up. 'fail' stops the task. */
  readonly fallback: 'fail' | 'dead-letter' | 'skip';
}

interface NodeCommon {
  readonly id: string;
  readonly inputs: readonly OutputRef[];
  /** Names of the side outputs that somebody reads. */
  readonly sides: readonly string[];
  /** Fingerprint of the author's functions and options in it. */
  readonly code: string;
}

export interface SourceNode extends NodeCommon {
  readonly kind: 'source';
  readonly connector: string;
  readonly options: Json;
  readonly bounded: boolean;
  readonly hasEventTime: boolean;
  readonly watermark: WatermarkPlan;
  readonly idle: IdlePolicy;
  readonly badRecords: BadRecordPolicy;
}

/** What an input of an operator must be: records with a key; records that an exchange brings to every task; or any. */
export type InputNeed = 'key' | 'broadcast' | 'any';

/** Changes where records go, not what they are. */
export interface KeyByNode extends NodeCommon {
  readonly kind: 'key-by';
}
/** Sends each record to the task that a function of it names; records have no key behind it. */
export interface PartitionByNode extends NodeCommon {
  readonly kind: 'partition-by';
}
export interface RebalanceNode extends NodeCommon {
  readonly kind: 'rebalance';
}
/** Sends every record to every task behind it. */
export interface BroadcastNode extends NodeCommon {
  readonly kind: 'broadcast';
}
export interface UnionNode extends NodeCommon {
  readonly kind: 'union';
}

export interface OperatorNode extends NodeCommon {
  readonly kind: 'operator';
  /** map, filter, window-aggregate, process ... */
  readonly type: string;
  readonly options: Json;
  /** Whether records reach it with a key. */
  readonly keyed: boolean;
  readonly stateful: boolean;
  readonly async: boolean;
  /** Its outputs differ from attempt to attempt by declaration, so its stage is journaled. Always true of async. */
  readonly nondeterministic: boolean;
  /** Uses event-time timers; needs a watermark. */
  readonly eventTime: boolean;
  readonly processingTime: boolean;
  /**
   * Which watermark steps it needs: none; the multiples of a number of milliseconds (size, slide, offset and lateness of windows: all are listed); or
   * every one (sessions, free timers, code that reads the watermark).
   */
  readonly steps: 'none' | 'every' | readonly number[];
  readonly faults: FaultPlan | undefined;
  /** Schema versions of its state tables, by name. */
  readonly state: Readonly<Record<string, number>>;
}

export interface SinkNode extends NodeCommon {
  readonly kind: 'sink';
  readonly connector: string;
  readonly options: Json;
  readonly guarantee: 'exactly-once' | 'idempotent' | 'at-least-once';
  readonly single: boolean;
}

export type PlanNode =
  | SourceNode
  | KeyByNode
  | PartitionByNode
  | RebalanceNode
  | BroadcastNode
  | UnionNode
  | OperatorNode
  | SinkNode;

/** Operators fused between two exchanges. A source stage's log is the source; any other has one input topic. */
export interface StagePlan {
  readonly id: string;
  /** Set for a source stage. */
  readonly source: string | undefined;
  /** Its operators and sinks, in topological order; unions and key-bys are resolved into wiring. */
  readonly nodes: readonly string[];
  /** For source stages the number the connector reports replaces this at the run's creation. */
  readonly partitions: number;
  readonly journaled: boolean;
  /** Edges that write to its topic; an edge's place here is not its input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Input topic; for a source stage the source's id. */
  readonly topic: string;
  /** Fingerprint of all code in it, options included. */
  readonly code: string;
}

/** Where records that enter a stage from an edge go first, and where those of a node go next inside the stage. */
export interface Wire {
  readonly to: string;
  readonly input: number;
}

/** An exchange: from a node's output in one stage to nodes of another through its topic. */
export interface EdgePlan {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** The output in the sending stage whose records it takes. A source stage's bare source is a node too. */
  readonly output: OutputRef;
  /** Nodes of the receiving stage that get its records. */
  readonly wires: readonly Wire[];
  readonly partitioning: /** By the key that a key-by gives records; without one, by the key that they carry. */
    | { readonly kind: 'key'; readonly keyBy?: string }
    | { readonly kind: 'forward' }
    /** By what the function of a partition-by says. */
    | { readonly kind: 'custom'; readonly partitionBy: string }
    | { readonly kind: 'rebalance' }
    | { readonly kind: 'gather' }
    /** To every partition. */
    | { readonly kind: 'broadcast' };
  /** Records keep the key that they have, if any, although the exchange does not sort by it: for a keyed operator behind a forward exchange, or a sink. */
  readonly carriesKey?: boolean;
  /** Grid of watermark steps in milliseconds that operators behind this edge need; 'every', or 'none'. */
  readonly steps: number | 'every' | 'none';
}

/** A connection inside a stage. */
export interface LocalWire {
  readonly output: OutputRef;
  readonly wires: readonly Wire[];
}

export interface Plan {
  readonly format: 1;
  readonly pipeline: string;
  readonly nodes: readonly PlanNode[];
  readonly stages: readonly StagePlan[];
  readonly edges: readonly EdgePlan[];
  /** Per stage, the wiring between its own nodes. */
  readonly local: Readonly<Record<string, readonly LocalWire[]>>;
  readonly faults: FaultPlan;
  /** Fingerprint of the whole. */
  readonly code: string;
}
