import { MIN_TIME } from '../../lib/model/index.ts';
import type { CommitHeader, SourceHeader } from '../../lib/protocol/index.ts';

/** A commit's header of which only what is said matters. */
export function headOf(said: Partial<CommitHeader> = {}): CommitHeader {
  return {
    run: 'r',
    task: { stage: 's', partition: 0 },
    version: 0,
    topicId: 't',
    nextOffset: 0,
    epoch: 0,
    watermark: MIN_TIME,
    processingTime: 0,
    eventTimer: undefined,
    processingTimer: undefined,
    status: { kind: 'ok' },
    snapshot: undefined,
    source: undefined,
    debts: 0,
    heldBy: undefined,
    stateBytes: 0,
    stateEntries: 0,
    restarts: 0,
    at: 0,
    ...said,
  };
}

export function sourceOf(said: Partial<SourceHeader> = {}): SourceHeader {
  return {
    watermark: MIN_TIME,
    lastArrival: 0,
    spoken: said.watermark !== undefined,
    cursor: undefined,
    drainTo: undefined,
    handOver: undefined,
    done: false,
    sent: {},
    ...said,
  };
}
