import { type MillraceError, messageOf, taskName } from '../model/index.ts';
import type { StopReason } from '../protocol/index.ts';
import { Applier } from './applier.ts';
import { failureOf } from './attempt.ts';
import type { Committer } from './committer.ts';
import { load } from './load.ts';
import type { TaskHost } from './task-host.ts';

/**
 * Records in the commits why a task stopped, as well as it can. `stale`: others have gone past the version `seen` on which that was found, so that nothing
 * need be missing (its log was let go of behind them); nothing is recorded then.
 */
export async function recordStop(
  host: TaskHost,
  committer: Committer,
  reason: StopReason,
  error: MillraceError,
  seen: number | undefined,
): Promise<'stopped' | 'stale'> {
  try {
    const now = host.clock.now();
    const state = await load(host);
    if (seen !== undefined && state.version !== seen) return 'stale';
    if (state.status.kind === 'stopped') return 'stopped';
    state.status = { kind: 'stopped', reason, failure: failureOf(error, host.stage.id, now), skip: [] };
    await committer.prepare(state).catch(() => {});
    const { kind } = await committer.commit(state, new Applier(host, state, false, now), state.nextOffset, false);
    await state.close();
    return kind === 'lost' ? 'stale' : 'stopped';
  } catch (second) {
    host.telemetry.log(
      'error',
      `${taskName(host.task)} stopped, and its status could not be written: ${messageOf(second)}`,
      { reason },
    );
    return 'stopped';
  }
}
