/**
 * Which function version has which code, as records of the commit store.
 *
 * 1. `deployed/<stage>/<code>/<version>`: before the controller takes a deployment's code into a run, so that no code is ever in force of which no function is
 *    known.
 * 2. `functions/<run>/<stage>/<epoch>/<version>`: right after. Whoever meets a task at another epoch finds here whom to ring.
 */
import type { CommitStore } from '../lib/ports/index.ts';
import type { RunRecord } from '../lib/protocol/index.ts';
import type { CodeVersion } from '../lib/runtime/index.ts';

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

/** Writes down which function versions have the code of which stages' epochs, as far as it is not known; returns all that are known of the run. */
export async function noteFunctions(
  commits: Records,
  run: RunName,
  noted: readonly StageFunction[],
): Promise<readonly StageFunction[]> {
  const known = await functionsOf(commits, run);
  const names = new Set(known.map((each) => nameOf(run, each)));
  const unknown = new Map(noted.map((each) => [nameOf(run, each), each]));
  for (const name of names) unknown.delete(name);
  for (const [name, each] of unknown) await commits.createRecord(run.pipeline, name, each);
  return unknown.size === 0 ? known : functionsOf(commits, run);
}

const nameOf = (run: RunName, { stage, epoch, version }: StageFunction): string =>
  folderOf(run, stage, epoch) + version.padStart(12, '0');

/** Of functions that were deployed, those that have code of a run. */
export function functionsIn(
  versions: readonly CodeVersion[],
  deployed: readonly DeployedFunction[],
): readonly StageFunction[] {
  return versions.flatMap(({ plan, epochs }) =>
    plan.stages.flatMap(({ id, code }) =>
      deployed
        .filter((each) => each.stage === id && each.code === code)
        .map(({ function: name, version, timeout }) => ({
          ...{ function: name, version, timeout },
          ...{ stage: id, epoch: epochs[id] ?? 0 },
        })),
    ),
  );
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

/** A function version that has a stage's code, whatever the run. */
export interface DeployedFunction extends Omit<StageFunction, 'epoch'> {
  /** The stage's fingerprint in the plan. */
  readonly code: string;
}

/** Function versions that were deployed for a pipeline, by stages' names, then code, then in order. */
export async function deployedFunctions(commits: Records, pipeline: string): Promise<readonly DeployedFunction[]> {
  return (await commits.records(pipeline, DEPLOYED)).map(({ value }) => value as DeployedFunction);
}

/** Writes down what a deployment has brought, as far as it is not among those known. */
export async function noteDeployed(
  commits: Records,
  pipeline: string,
  deployed: readonly DeployedFunction[],
): Promise<readonly DeployedFunction[]> {
  const known = await deployedFunctions(commits, pipeline);
  const unknown = deployed.filter(
    (each) =>
      !known.some(({ stage, code, version }) => stage === each.stage && code === each.code && version === each.version),
  );
  for (const each of unknown) {
    const { stage, code, version } = each;
    await commits.createRecord(pipeline, `${DEPLOYED}${stage}/${code}/${version.padStart(12, '0')}`, each);
  }
  return [...known, ...unknown];
}

const DEPLOYED = 'deployed/';
