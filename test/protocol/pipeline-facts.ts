import type { IdlePolicy, Plan } from '../../lib/plan/index.ts';
import type { CommitHeader, LogFacts, RoundFacts, TaskFacts } from '../../lib/protocol/index.ts';
import { headOf } from './commit-head.ts';

export const idle: IdlePolicy = { policy: 'advance', after: 30_000, drift: 3_600_000 };

type Steps = Plan['edges'][number]['steps'];

/** A plan of which only the graph matters: sources by id, then edges as [from, to]. */
export function planOf(
  sources: Readonly<Record<string, { readonly idle?: IdlePolicy; readonly bound?: number }>>,
  edges: readonly (readonly [from: string, to: string, steps?: Steps])[],
): Pick<Plan, 'nodes' | 'stages' | 'edges'> {
  const inner = [...new Set(edges.map(([, to]) => to))];
  return {
    nodes: Object.entries(sources).map(([id, source]) => ({
      kind: 'source',
      id,
      inputs: [],
      sides: [],
      code: '',
      connector: '',
      options: null,
      bounded: false,
      hasEventTime: true,
      watermark: { kind: 'bounded', bound: source.bound ?? 0 },
      idle: source.idle ?? idle,
      badRecords: 'fail',
    })),
    stages: [...Object.keys(sources), ...inner].map((id) => ({
      id,
      source: id in sources ? id : undefined,
      nodes: [],
      partitions: 1,
      journaled: false,
      inputs: [],
      outputs: [],
      topic: id,
      code: '',
    })),
    edges: edges.map(([from, to, steps]) => ({
      id: `${from}-${to}`,
      from,
      to,
      output: { node: from },
      wires: [],
      partitioning: { kind: 'forward' },
      steps: steps ?? 1,
    })),
  };
}

/** A task, by `stage#partition`, with its newest commit and its log; drained unless an end is said. */
export function taskOf(
  name: string,
  head: Partial<CommitHeader> | undefined,
  log: Partial<LogFacts> | null = {},
): TaskFacts {
  const [stage = '', partition = '0'] = name.split('#');
  const task = { stage, partition: Number(partition) };
  return {
    task,
    head: head && headOf({ task, ...head }),
    log: log === null ? undefined : { id: 't', start: 0, end: head?.nextOffset ?? 0, sealed: false, ...log },
  };
}

export const roundOf = (
  plan: RoundFacts['plan'],
  tasks: readonly TaskFacts[],
  said: Partial<RoundFacts> = {},
): RoundFacts => ({ run: 'r', now: 0, plan, tasks, slots: undefined, skew: 0, grace: 0, ...said });
