import type { TaskId } from '../../../lib/model/index.ts';
import type { CommitHeader } from '../../../lib/protocol/index.ts';

/** A plain header. */
export const header = (version: number, task: TaskId): CommitHeader => ({
  run: 'r',
  task,
  version,
  topicId: 'topic',
  nextOffset: version,
  epoch: 0,
  watermark: 0,
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
});
