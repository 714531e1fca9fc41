/**
 * Which function version has which code, as records of the commit store: `functions/<run>/<stage>/<epoch>/<version>`. The controller writes them right after it
 * has taken the code; whoever meets a task at another epoch finds here whom to ring.
 */
import type { CommitStore } from '../lib/ports/index.ts';
import type { RunRecord } from '../lib/protocol/index.ts';

type Records = Pick<CommitStore, 'createRecord' | 'records'>;
type RunName = Pick<RunRecord, 'pipeline' | 'id'>;

/** A published version of a function. */
export interface FunctionVersion {
  readonly function: string;
  /** A number, as Lambda gives them, or `$LATEST` where none was published. */
  readonly version: string;
}

/** A function version that has the code of a stage's epoch. */
export interface StageFunction extends FunctionVersion {
  readonly stage: string;
  readonly epoch: number;
  /** Its time limit in seconds. */
  readonly timeout: number;
}

/** Stands for a stage's name where the controller's own versions are noted; the epoch is the run's code version then. No stage has such a name. */
export const CONTROLLER = '$controller';

const prefixOf = ({ id }: RunName): string => `functions/${id}/`;
const folderOf = (run: RunName, stage: string, epoch: number): string =>
  `${prefixOf(run)}${stage}/${String(epoch).padStart(8, '0')}/`;

/** Writes down that a function version has the code of a stage's epoch. */
export async function noteFunction(commits: Records, run: RunName, noted: StageFunction): Promise<void> {
  const { stage, epoch, version } = noted;
  await commits.createRecord(run.pipeline, folderOf(run, stage, epoch) + version.padStart(12, '0'), noted);
}

/** The newest function version that has the code of a stage's epoch; undefined if none is known. */
export async function functionAt(
  commits: Records,
  run: RunName,
  stage: string,
  epoch: number,
): Promise<StageFunction | undefined> {
  return (await commits.records(run.pipeline, folderOf(run, stage, epoch), 1)).at(-1)?.value as
    | StageFunction
    | undefined;
}

/** All that are known of a run, or of one of its stages: stages by name, then epochs, then versions in order. */
export async function functionsOf(commits: Records, run: RunName, stage?: string): Promise<readonly StageFunction[]> {
  const prefix = stage === undefined ? prefixOf(run) : `${prefixOf(run)}${stage}/`;
  const records = await commits.records(run.pipeline, prefix);
  return records.map(({ value }) => value as StageFunction);
}

/** The newest of those given that has the code of a stage's epoch. */
export const functionIn = (known: readonly StageFunction[], stage: string, epoch: number): StageFunction | undefined =>
  known.findLast((each) => each.stage === stage && each.epoch === epoch);
