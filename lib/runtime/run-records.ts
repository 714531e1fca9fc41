/**
 * What all processes of a pipeline must agree on, as records of the commit store: which runs there are, and which code each stage runs. A record's name holds
 * the next number, so of several processes that write at once one is first, and the others go by what it wrote.
 */
import { MillraceError } from '../model/index.ts';
import { comparePlans, type Plan } from '../plan/index.ts';
import type { CommitStore } from '../ports/index.ts';
import type { RunRecord } from '../protocol/index.ts';

type Records = Pick<CommitStore, 'createRecord' | 'records'>;

const RUNS = 'run/';
const codeOf = (run: RunRecord): string => `code/${run.id}/`;

/** Numbers in names, so that they are listed in order. */
const numbered = (prefix: string, n: number): string => prefix + String(n).padStart(8, '0');
const numberIn = (name: string): number => Number(name.slice(name.lastIndexOf('/') + 1));

/** The pipeline's newest run. */
export async function newestRun(commits: Records, pipeline: string): Promise<RunRecord | undefined> {
  return (await commits.records(pipeline, RUNS, 1)).at(-1)?.value as RunRecord | undefined;
}

/** Records the pipeline's first run, or finds the one that another process has recorded meanwhile. */
export async function beginRun(
  commits: Records,
  run: RunRecord,
): Promise<{ readonly record: RunRecord; readonly begun: boolean }> {
  if ((await commits.createRecord(run.pipeline, numbered(RUNS, 0), run)) === 'created') {
    return { record: run, begun: true };
  }
  return { record: (await newestRun(commits, run.pipeline))!, begun: false };
}

/** A version of the code that a run went on with. */
export interface CodeVersion {
  readonly plan: Plan;
  /** Of each stage that has ever changed. */
  readonly epochs: Readonly<Record<string, number>>;
  /** Who brought it, where those who do are numbered in order. */
  readonly by?: number;
  /** When it came, by the clock of who brought it. */
  readonly at?: number;
}

/** How code comes into a run. */
export interface TakeOptions {
  /** A plan that is one of the run's earlier versions stays that one. Default: it is new code once more. */
  readonly rejoin?: boolean;
  /** Number of the deployment that brings the code: where a later one has brought other code, this one's stays what it was. */
  readonly by?: number;
  /** The time. */
  readonly at?: number;
}

/** Which epoch each stage is at with this code, and which stages are new in it. */
export interface CodeInForce {
  /** How many times the code had changed. */
  readonly version: number;
  readonly epochs: Readonly<Record<string, number>>;
  readonly changed: readonly string[];
}

/** The code that a run began with. */
const firstCode = ({ plan, by }: RunRecord): CodeVersion => ({
  ...{ plan: plan as Plan, epochs: {} },
  ...(by === undefined ? {} : { by }),
});

/** The newest code of a run: how many times it had changed with it, and at which epoch its stages are. */
export async function newestCode(
  commits: Records,
  run: RunRecord,
): Promise<Omit<CodeInForce, 'changed'> & Pick<CodeVersion, 'by'>> {
  const newest = (await commits.records(run.pipeline, codeOf(run), 1)).at(-1);
  const { epochs, by } = (newest?.value ?? firstCode(run)) as CodeVersion;
  return { version: newest === undefined ? 0 : numberIn(newest.name), epochs, ...(by === undefined ? {} : { by }) };
}

/** All versions of a run's code, by how many times it had changed. */
export async function codeVersions(commits: Records, run: RunRecord): Promise<readonly CodeVersion[]> {
  const records = await commits.records(run.pipeline, codeOf(run));
  return [firstCode(run), ...records.map(({ value }) => value as CodeVersion)];
}

/** Whether the pipeline's run is at this code, or has been. */
export async function hasCode(commits: Records, plan: Plan): Promise<boolean> {
  const run = await newestRun(commits, plan.pipeline);
  return run !== undefined && (await codeVersions(commits, run)).some((version) => isSameCode(version, plan));
}

const isSameCode = (version: CodeVersion, plan: Plan): boolean =>
  comparePlans(version.plan, plan).changedStages.length === 0;

/** Which of the run's earlier versions the plan is; undefined if none, or the newest. */
async function earlierCode(commits: Records, plan: Plan, run: RunRecord): Promise<CodeInForce | undefined> {
  const versions = await codeVersions(commits, run);
  const version = versions.findLastIndex((each) => isSameCode(each, plan));
  if (version < 0 || version === versions.length - 1) return undefined;
  return { version, epochs: versions[version]!.epochs, changed: [] };
}

/**
 * Compares the plan with the newest code of the run, and gives stages that have changed a new epoch. Throws `incompatible`, naming the differences, or for
 * code that is none of the run's and comes from an earlier deployment than the newest.
 */
export async function takeCode(
  commits: Records,
  plan: Plan,
  run: RunRecord,
  { rejoin = false, by, at }: TakeOptions = {},
): Promise<CodeInForce> {
  const earlier = rejoin ? await earlierCode(commits, plan, run) : undefined;
  if (earlier !== undefined) return earlier;
  const prefix = codeOf(run);
  for (;;) {
    const newest = (await commits.records(run.pipeline, prefix, 1)).at(-1);
    const before = (newest?.value ?? firstCode(run)) as CodeVersion;
    const newer = by === undefined ? undefined : await newerThan(commits, run, before, by);
    if (newer !== undefined) return codeBefore(commits, plan, run, newer);
    const changed = changesSince(before.plan, plan);
    const known = newest === undefined ? 0 : numberIn(newest.name);
    if (changed.length === 0) return { version: known, epochs: before.epochs, changed };
    const epochs = { ...before.epochs };
    for (const stage of changed) epochs[stage] = (epochs[stage] ?? 0) + 1;
    const name = numbered(prefix, known + 1);
    const next: CodeVersion = {
      plan,
      epochs,
      ...(by === undefined ? {} : { by }),
      ...(at === undefined ? {} : { at }),
    };
    if ((await commits.createRecord(run.pipeline, name, next)) === 'created') {
      return { version: known + 1, epochs, changed };
    }
  }
}

/** The deployment that a deployment is past, if it is: a later one's code is in force, or, where nobody's number stands at that, its own had been before or a later one's. */
async function newerThan(
  commits: Records,
  run: RunRecord,
  newest: CodeVersion,
  by: number,
): Promise<number | undefined> {
  if (newest.by !== undefined) return by < newest.by ? newest.by : undefined;
  const past = (await codeVersions(commits, run)).map((each) => each.by ?? Number.NEGATIVE_INFINITY);
  const last = Math.max(...past);
  return by <= last ? last : undefined;
}

/** What the plan was before deployment `newer` brought other code. */
async function codeBefore(commits: Records, plan: Plan, run: RunRecord, newer: number): Promise<CodeInForce> {
  const earlier = await earlierCode(commits, plan, run);
  if (earlier !== undefined) return earlier;
  throw new MillraceError('incompatible', `deployment ${newer} has brought newer code of pipeline ${plan.pipeline}`, {
    where: { pipeline: plan.pipeline },
    hint: 'nothing is to be done: the newer deployment goes on',
  });
}

/** Stages whose code differs. Throws `incompatible` if one plan cannot go on from another's state. */
function changesSince(before: Plan, plan: Plan): readonly string[] {
  const { compatible, differences, changedStages } = comparePlans(before, plan);
  if (compatible) return changedStages;
  throw new MillraceError(
    'incompatible',
    `the pipeline ${plan.pipeline} does not fit the state it is to go on with:\n${differences.map((d) => `  ${d}`).join('\n')}`,
    {
      where: { pipeline: plan.pipeline },
      hint: 'run the pipeline as it was, or start anew with another data directory',
    },
  );
}
