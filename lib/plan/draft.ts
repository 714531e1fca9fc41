/**
 * A pipeline as authored, before it is checked: data in the order it was written down. Nodes refer to each other by their place in the
 * list, so that missing and duplicate ids can be told apart; a node's inputs always come before it.
 */
import type { Json } from '../model/index.ts';
import type {
  BadRecordPolicy,
  FaultPlan,
  IdlePolicy,
  InputNeed,
  OperatorNode,
  SinkNode,
  WatermarkPlan,
} from './plan.ts';

/** Something an author must change: where, which rule it breaks, and how to mend it. */
export interface PlanFault {
  /** Id of the operator, source or sink; or a description where the id is what is missing. */
  readonly operator: string;
  readonly rule: string;
  readonly fix: string;
}

/** An output of an earlier node, by its place in the list. */
export interface DraftRef {
  readonly node: number;
  readonly side?: string;
}

interface DraftCommon {
  /** As the author gave it; undefined where the node may be named after `auto`, or where the id is missing. */
  readonly id: string | undefined;
  /** Present if the node may go without an id: it is then called `<auto>-<n>`. */
  readonly auto?: string;
  readonly inputs: readonly DraftRef[];
  /** Fingerprint of the author's functions and options in it. */
  readonly code: string;
  /** What was found wrong already when it was written down. */
  readonly mistakes?: readonly Omit<PlanFault, 'operator'>[];
}

export interface DraftSource extends DraftCommon {
  readonly kind: 'source';
  readonly connector: string;
  readonly options: Json;
  readonly bounded: boolean;
  readonly hasEventTime: boolean;
  readonly watermark: WatermarkPlan;
  readonly idle: IdlePolicy;
  readonly badRecords: BadRecordPolicy;
  /** How many there will be, if that is known before it is opened. */
  readonly partitions: number | undefined;
}

/** A key-by, a partition-by, a rebalance, a broadcast or a union: changes where records go, not what they are. */
export interface DraftRoute extends DraftCommon {
  readonly kind: 'key-by' | 'partition-by' | 'rebalance' | 'broadcast' | 'union';
  /** Tasks of the stage behind it. Default: the pipeline's. */
  readonly parallelism?: number;
}

export interface DraftOperator
  extends DraftCommon,
    Pick<
      OperatorNode,
      | 'type'
      | 'options'
      | 'stateful'
      | 'async'
      | 'nondeterministic'
      | 'eventTime'
      | 'processingTime'
      | 'steps'
      | 'state'
      | 'faults'
    > {
  readonly kind: 'operator';
  readonly needsKey: boolean;
  /** What each of its inputs must be, if it has several. Otherwise `needsKey` says it. */
  readonly needs?: readonly InputNeed[];
  /** Its results are changes of a table. */
  readonly updates?: boolean;
  /** The rows of a table in its state can be read from outside, so that its results may go nowhere. */
  readonly readable?: boolean;
  /** Its results go on under the key of their causes. */
  readonly keepsKey: boolean;
  /** It emits records whose time the watermark of its own task has passed, under their key. */
  readonly holdsBack?: boolean;
  /** Side outputs that it may emit to. */
  readonly sides: readonly string[];
  /** False if it must have a stage of its own. */
  readonly fuse: boolean;
}

export interface DraftSink extends DraftCommon, Pick<SinkNode, 'connector' | 'options' | 'guarantee' | 'single'> {
  readonly kind: 'sink';
  /** It replaces the row of a key and deletes it, so that it may read a table's changes. */
  readonly upserts?: boolean;
}

export type DraftNode = DraftSource | DraftRoute | DraftOperator | DraftSink;

/** A whole pipeline as authored. */
export interface Draft {
  readonly pipeline: string;
  readonly nodes: readonly DraftNode[];
  /** Tasks of a keyed stage, unless its key-by says otherwise. */
  readonly parallelism: number;
  /** 'none' gives every operator a stage of its own; the results are the same. */
  readonly fusing: 'all' | 'none';
  readonly faults: FaultPlan;
}
