/**
 * The controller's round as a pure function: from what was read, whom to wake and what to say.
 *
 * 1. It says only what is true for ever (claims) or the time of day (ticks); it may run twice at once, late, or not at all.
 * 2. A claim or tick is made only where it lets a pending timer fire that would not fire by itself.
 * 3. With no timer, debt, backlog or unfinished task, there is nothing to do.
 *
 * Order of the reads that the facts must come from: the clock, then all tasks' newest commits, then the ends of their logs.
 */
import { type TaskId, taskName } from '../model/index.ts';
import type { Plan, SourceNode } from '../plan/index.ts';
import { slotsUsed } from './chain.ts';
import type { CommitHeader } from './commit.ts';
import { isDrained, isOver, type LogFacts, logFault, type Stop, type TaskFacts } from './facts.ts';
import { type ClaimRules, claimOf, foresee, type SourceSilence, silenceOf } from './foresight.ts';
import type { Claims, Tick } from './message.ts';

export interface RoundFacts extends ClaimRules {
  readonly run: string;
  readonly plan: Pick<Plan, 'nodes' | 'stages' | 'edges'>;
  /** All tasks of the run; each has been born, so that one without a commit has lost it. */
  readonly tasks: readonly TaskFacts[];
  /** Slots per task; undefined where snapshots are not taken. */
  readonly slots: number | undefined;
}

/** Why a task is woken, in the order in which the first that applies is given. */
export type RingReason = 'debts' | 'back-off over' | 'backlog' | 'unfinished' | 'snapshot wanted';

export interface Ring {
  readonly task: TaskId;
  readonly reason: RingReason;
}

/** A message for one partition of a stage's input topic. */
export interface Address<M> {
  readonly stage: string;
  readonly partition: number;
  readonly message: M;
}

export interface Round {
  readonly rings: readonly Ring[];
  readonly claims: readonly Address<Claims>[];
  readonly ticks: readonly Address<Tick>[];
  readonly stops: readonly Stop[];
  /** The earliest time at which a back-off or processing-time timer becomes due; event time is not foreseen. */
  readonly next: number | undefined;
  /** All input has ended and been worked off. */
  readonly over: boolean;
}

/** Decides a round. */
export function decideRound(facts: RoundFacts): Round {
  const rings: Ring[] = [];
  const ticks: Address<Tick>[] = [];
  const stops: Stop[] = [];
  let next: number | undefined;
  const later = (time: number): void => {
    if (next === undefined || time < next) next = time;
  };
  for (const each of facts.tasks) {
    const { task, head } = each;
    if (head === undefined) {
      stops.push({ task, reason: 'state-lost', message: 'it has no commits although it was born' });
      continue;
    }
    if (head.status.kind === 'stopped') {
      if (head.debts > 0) rings.push({ task, reason: 'debts' });
      continue;
    }
    const fault = logFault(each);
    if (fault !== undefined) {
      stops.push(fault);
      continue;
    }
    const reason = reasonToRing(head, each.log, facts);
    if (reason !== undefined) rings.push({ task, reason });
    if (head.status.kind === 'backoff') {
      if (head.status.until > facts.now) later(head.status.until);
      continue;
    }
    const timer = head.processingTimer;
    if (timer === undefined || head.source !== undefined) continue;
    if (timer > facts.now) later(timer);
    else if (isDrained(each)) ticks.push({ ...task, message: { kind: 'tick', run: facts.run, time: facts.now } });
  }
  return { rings, claims: claimsOf(facts), ticks, stops, next, over: isOver(facts.tasks) };
}

function reasonToRing(
  head: CommitHeader,
  log: LogFacts | undefined,
  { now, slots }: RoundFacts,
): RingReason | undefined {
  if (head.debts > 0) return 'debts';
  if (head.status.kind === 'backoff') return head.status.until <= now ? 'back-off over' : undefined;
  const { source } = head;
  if (source?.done !== true && log !== undefined) {
    const drainTo = source?.drainTo ?? Number.POSITIVE_INFINITY;
    if (head.nextOffset < Math.min(log.end ?? Number.POSITIVE_INFINITY, drainTo)) return 'backlog';
    if (source !== undefined && (log.sealed || head.nextOffset >= drainTo)) return 'unfinished';
  }
  return slots !== undefined && slotsUsed(head) * 4 >= slots * 3 ? 'snapshot wanted' : undefined;
}

function claimsOf(facts: RoundFacts): Address<Claims>[] {
  const { plan, tasks, run, now } = facts;
  const waiting = tasks.filter(({ head }) => head?.eventTimer !== undefined && head.status.kind === 'ok');
  if (waiting.length === 0) return [];
  const byStage = new Map<string, TaskFacts[]>();
  for (const each of tasks) {
    const of = byStage.get(each.task.stage);
    if (of === undefined) byStage.set(each.task.stage, [each]);
    else of.push(each);
  }
  const tasksOf = (stage: string): readonly TaskFacts[] => byStage.get(stage) ?? [];
  const silences = silencesOf(facts, tasksOf);
  if (silences.size === 0) return [];
  const silence = (stage: string, partition: number) => silences.get(taskName({ stage, partition }));
  const unaided = foresee(plan, tasksOf, undefined, facts);
  const aided = foresee(plan, tasksOf, silence, facts);
  const isMoving = (stage: string) =>
    [...withUpstream(plan, [stage])].some((s) => tasksOf(s).some((t) => !isDrained(t) || (t.head?.debts ?? 0) > 0));
  const released = new Set<string>();
  for (const { task, head } of waiting) {
    const timer = head?.eventTimer as number;
    const reaches = (by: ReadonlyMap<string, number | undefined>) =>
      (by.get(task.stage) ?? Number.NEGATIVE_INFINITY) >= timer;
    if (reaches(aided) && !(reaches(unaided) && isMoving(task.stage))) released.add(task.stage);
  }
  const upstream = withUpstream(plan, released);
  const messages: Address<Claims>[] = [];
  for (const { id: stage } of plan.stages.filter((s) => s.source === undefined && upstream.has(s.id))) {
    const edges = plan.edges.filter((e) => e.to === stage && isSource(plan, e.from));
    const said = edges.flatMap((edge) =>
      tasksOf(edge.from).flatMap(({ task }) => {
        const known = silence(edge.from, task.partition);
        return known === undefined ? [] : [{ edge: edge.id, task: task.partition, known }];
      }),
    );
    if (said.length === 0) continue;
    const counts = edges.map((edge) => [edge.id, tasksOf(edge.from).length] as const);
    for (const { task, head } of tasksOf(stage)) {
      if (head?.status.kind === 'stopped') continue;
      const list = said.map(({ edge, task: sender, known }) => claimOf(known, edge, sender, task.partition));
      messages.push({ ...task, message: { kind: 'claims', run, time: now, edges: counts, list } });
    }
  }
  return messages;
}

function silencesOf(
  facts: RoundFacts,
  tasksOf: (stage: string) => readonly TaskFacts[],
): ReadonlyMap<string, SourceSilence> {
  const silences = new Map<string, SourceSilence>();
  for (const stage of facts.plan.stages) {
    const source = facts.plan.nodes.find(
      (node): node is SourceNode => node.kind === 'source' && node.id === stage.source,
    );
    if (source === undefined) continue;
    for (const each of tasksOf(stage.id)) {
      const silence = silenceOf(each, source, facts);
      if (silence !== undefined) silences.set(taskName(each.task), silence);
    }
  }
  return silences;
}

const isSource = (plan: Pick<Plan, 'stages'>, stage: string): boolean =>
  plan.stages.some((s) => s.id === stage && s.source !== undefined);

/** These stages and all that lead to them. */
function withUpstream(plan: Pick<Plan, 'edges'>, stages: Iterable<string>): ReadonlySet<string> {
  const reached = new Set(stages);
  for (const stage of reached) for (const edge of plan.edges) if (edge.to === stage) reached.add(edge.from);
  return reached;
}
