/**
 * How tasks come from older code to newer, as a pure function of what a round of the controller has read: it keeps nothing, and may be broken off anywhere.
 *
 * 1. A task behind an exchange switches at a barrier in its log: older code handles nothing behind it, newer code nothing before it.
 * 2. A source's log takes no barrier. Soon after the newer code is written down, older code reads nothing more for a source's task that has no hand-over; from
 *    then on the source's end lies beyond all that any attempt has read. There the task is handed over: older code goes on to it, newer code from it.
 * 3. In a pause nothing beyond what was there at its beginning is left to older code: a deployment in a pause mends what comes after it.
 * 4. Partitions that older code has gained meanwhile are tasks at older code like others.
 */
import { type TaskId, taskName } from '../lib/model/index.ts';
import type { SwitchStep } from '../lib/operations/index.ts';
import type { CommitHeader, LogFacts, TaskFacts } from '../lib/protocol/index.ts';
import { type Control, isMendable } from '../lib/runtime/index.ts';

/** A stage that has newer code than it began with. Times are milliseconds since the epoch. */
export interface NewerCode {
  readonly epoch: number;
  /** Whatever older code has read of sources without knowing of it had been there by then. */
  readonly settledAt: number;
  /** Whether a function is known that has the code of an epoch. */
  hasFunction(epoch: number): boolean;
}

/** What a source's task reads at most in one step, where its end is not known. */
export const BEYOND_ALL_READS = 2 * 8_192;

/** Where each task is that has not come to its stage's newest code. */
export function decideSwitch(
  tasks: readonly TaskFacts[],
  newer: ReadonlyMap<string, NewerCode>,
  now: number,
  pause?: Pick<Control, 'pausedAt' | 'pausedEnds'>,
): readonly SwitchStep[] {
  return tasks.flatMap(({ task, head, log }) => {
    const code = newer.get(task.stage);
    if (code === undefined || head === undefined || head.epoch >= code.epoch) return [];
    const known = { head, end: readBefore(task, head, log, pause) };
    return [{ task, from: head.epoch, to: code.epoch, ...stepOf(known, code, now) }];
  });
}

/** Beyond what nobody has read of a source: its end, or in a pause what was its end when reading had ceased; undefined while that is not known. */
function readBefore(
  task: TaskId,
  { nextOffset }: CommitHeader,
  log: LogFacts | undefined,
  { pausedAt, pausedEnds }: Pick<Control, 'pausedAt' | 'pausedEnds'> = { pausedAt: undefined, pausedEnds: undefined },
): number | undefined {
  if (pausedAt === undefined) {
    return log === undefined ? undefined : Math.max(nextOffset, log.end ?? nextOffset + BEYOND_ALL_READS);
  }
  return pausedEnds === undefined ? undefined : Math.max(nextOffset, pausedEnds[taskName(task)] ?? nextOffset);
}

function stepOf(
  { head, end }: { readonly head: CommitHeader; readonly end: number | undefined },
  { settledAt, hasFunction }: NewerCode,
  now: number,
): Pick<SwitchStep, 'kind' | 'at' | 'until'> {
  const { status, epoch, source } = head;
  if (status.kind === 'stopped') return { kind: isMendable(status) ? 'stopped' : 'stuck' };
  if (!hasFunction(epoch)) return { kind: 'stuck' };
  if (source === undefined) return { kind: 'barrier' };
  if (source.handOver !== undefined) return { kind: 'finish', at: source.handOver.at };
  if (now < settledAt || end === undefined) return { kind: 'hold', until: settledAt };
  return { kind: 'hand-over', at: end };
}
