/**
 * What all processes of a run must know and nobody may forget, as records in the commit store: that it is to be drained, that it is over, that it pauses, that
 * tasks must stop. Each is written once; who works on the run looks for them from time to time.
 */
import type { TaskId } from '../model/index.ts';
import { MillraceError, taskName } from '../model/index.ts';
import type { CommitStore, PipelineRecord } from '../ports/index.ts';
import type { RunRecord, Stop } from '../protocol/index.ts';

/** Which run is meant. */
export type RunName = Pick<RunRecord, 'pipeline' | 'id'>;

/** What has been said of a run. */
export interface Control {
  /** Whether anybody has said that he works on it: who has, and finds that nobody did, must ask himself whether the store was emptied. */
  readonly begun: boolean;
  /** Sources are to end where they stand, and everything behind them to close. */
  readonly drain: boolean;
  /** All tasks are done, and nothing that was sent is missing. */
  readonly over: boolean;
  /** Since when sources are to take in nothing; undefined while they may: a drain ends every pause. What is behind them goes on. */
  readonly pausedAt: number | undefined;
  /** By source task: offsets in this pause that nobody has read beyond; undefined while they are not known. */
  readonly pausedEnds: Readonly<Record<string, number>> | undefined;
  /** Tasks that must not go on, by name. */
  readonly stops: ReadonlyMap<string, Stop>;
}

const prefixOf = ({ id }: RunName): string => `control/${id}/`;

/** Looks what has been said. */
export async function readControl(commits: CommitStore, run: RunName): Promise<Control> {
  const prefix = prefixOf(run);
  const records = await commits.records(run.pipeline, prefix);
  const names = new Set(records.map(({ name }) => name.slice(prefix.length)));
  const stops = records.filter(({ name }) => name.startsWith(`${prefix}stop/`)).map(({ value }) => value as Stop);
  const pauses = records.filter(({ name }) => name.startsWith(`${prefix}pause/`));
  const last = names.has('drain') ? undefined : pauses.at(-1);
  const pausedAt = lastPause(last);
  const ends = records.find(({ name }) => last !== undefined && name === endsOf(last.name));
  return {
    begun: names.has('begun'),
    drain: names.has('drain'),
    over: names.has('over'),
    pausedAt,
    pausedEnds: pausedAt === undefined ? undefined : (ends?.value as Control['pausedEnds']),
    stops: new Map(stops.map((stop) => [taskName(stop.task), stop])),
  };
}

/** Says that the run is being worked on: to be said by who has opened it. */
export async function noteBegun(commits: CommitStore, run: RunName, at: number): Promise<void> {
  await commits.createRecord(run.pipeline, `${prefixOf(run)}begun`, { at });
}

/** What is said of pauses, numbered: the last word counts. */
interface PauseRecord {
  readonly paused: boolean;
  readonly at: number;
}

const lastPause = (record: PipelineRecord | undefined): number | undefined => {
  const said = record?.value as PauseRecord | undefined;
  return said?.paused === true ? said.at : undefined;
};

const endsOf = (pause: string): string => pause.replace('/pause/', '/pause-ends/');

/** Says of the pause that there is now beyond which offsets nobody has read, by source task; what was said first counts. */
export async function notePauseEnds(
  commits: CommitStore,
  run: RunName,
  ends: Readonly<Record<string, number>>,
): Promise<void> {
  const last = (await commits.records(run.pipeline, `${prefixOf(run)}pause/`, 1)).at(-1);
  if (last !== undefined && lastPause(last) !== undefined)
    await commits.createRecord(run.pipeline, endsOf(last.name), ends);
}

/** Says that sources are to take in nothing from now on, or that they may again; `exists` if that was said already. `at`: the time. */
export async function notePause(
  commits: CommitStore,
  run: RunName,
  paused: boolean,
  at: number,
): Promise<'requested' | 'exists'> {
  const prefix = `${prefixOf(run)}pause/`;
  for (;;) {
    const last = (await commits.records(run.pipeline, prefix, 1)).at(-1);
    if ((lastPause(last) !== undefined) === paused) return 'exists';
    const number = last === undefined ? 0 : Number(last.name.slice(prefix.length)) + 1;
    const name = prefix + String(number).padStart(8, '0');
    const said: PauseRecord = { paused, at };
    if ((await commits.createRecord(run.pipeline, name, said)) === 'created') return 'requested';
  }
}

/** Asks that the run be drained: sources end where they then stand, every window closes, and the workers end. Cannot be taken back. `at`: the time, for people. */
export async function requestDrain(commits: CommitStore, run: RunName, at: number): Promise<'requested' | 'exists'> {
  const outcome = await commits.createRecord(run.pipeline, `${prefixOf(run)}drain`, { at });
  return outcome === 'created' ? 'requested' : 'exists';
}

/** Says that the run is over. */
export async function noteOver(commits: CommitStore, run: RunName, at: number): Promise<void> {
  await commits.createRecord(run.pipeline, `${prefixOf(run)}over`, { at });
}

/** Says that a task must not go on. */
export async function noteStop(commits: CommitStore, run: RunName, { task, reason, message }: Stop): Promise<void> {
  const name = `${prefixOf(run)}stop/${taskName(task)}`;
  await commits.createRecord(run.pipeline, name, { task, reason, message } satisfies Stop);
}

/** A stop as the error that the task's status tells. */
export function stopError({ task, reason, message }: Stop): MillraceError {
  const where: TaskId = { stage: task.stage, partition: task.partition };
  return new MillraceError(reason === 'state-lost' ? 'state-lost' : 'data-lost', message, {
    where,
    hint: 'what was lost cannot be made again; start a new run',
  });
}
