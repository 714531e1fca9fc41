/**
 * What the pump may claim, and what would come of it. The receivers' own rule of time is applied to what the senders have committed,
 * so that a claim is made only where it lets a timer fire.
 */
import { MAX_TIME, MIN_TIME, NOTHING, type Position } from '../model/index.ts';
import type { EdgePlan, Plan, SourceNode } from '../plan/index.ts';
import { type ChannelState, type EdgeTime, minimumOf } from './channel-minimum.ts';
import { edgeTimesOf, isDrained, logFault, type TaskFacts } from './facts.ts';
import type { Claim } from './message.ts';
import { controlGridOf, saidOf } from './steps.ts';

/** What can be said of a source task that is verified silent: the same to all receivers. */
export interface SourceSilence {
  readonly upTo: number;
  readonly watermark: number | undefined;
  readonly silentSince: number;
  /** Per edge and receiving partition, how far the sender has spoken. */
  readonly sent: Readonly<Record<string, readonly Position[]>>;
}

export interface ClaimRules {
  /** The round's earliest clock reading. */
  readonly now: number;
  /** Twice the greatest deviation of a clock. */
  readonly skew: number;
  /** How long a record may take from its event to the log without being late. */
  readonly grace: number;
}

/**
 * What may be claimed of a source task; undefined unless all it had is read, said and appended, and its policy allows. One that never
 * had a record with a time is silent, but nothing is known of its time. A finished source is at its end, not silent.
 */
export function silenceOf(facts: TaskFacts, source: SourceNode, rules: ClaimRules): SourceSilence | undefined {
  const { head, log } = facts;
  const state = head?.source;
  if (head === undefined || state === undefined || source.idle.policy === 'hold') return undefined;
  if (state.done || log?.sealed === true || head.debts > 0 || head.status.kind !== 'ok') return undefined;
  if (!isDrained(facts) || logFault(facts) !== undefined) return undefined;
  const quiet = Math.max(0, rules.now - state.lastArrival - rules.grace - rules.skew);
  const known = state.spoken && state.watermark !== MIN_TIME;
  return {
    upTo: head.nextOffset,
    watermark: known ? Math.min(state.watermark + quiet, MAX_TIME - 1) : undefined,
    silentSince: state.lastArrival,
    sent: state.sent,
  };
}

/** The claim of a silence to one partition of an edge's receivers. */
export function claimOf(silence: SourceSilence, edge: string, task: number, partition: number): Claim {
  const { upTo, watermark, silentSince, sent } = silence;
  return { channel: { edge, task }, prev: sent[edge]?.[partition] ?? NOTHING, upTo, watermark, silentSince };
}

/**
 * The watermark that each stage's tasks reach once all logs are consumed and the silences claimed; undefined for none. Without
 * `silences` it is the least that comes about by itself. What a claim moves is passed on exactly, anything else by the edge's grid.
 */
export function foresee(
  plan: Pick<Plan, 'nodes' | 'stages' | 'edges'>,
  tasksOf: (stage: string) => readonly TaskFacts[],
  silences: ((stage: string, partition: number) => SourceSilence | undefined) | undefined,
  rules: ClaimRules,
): ReadonlyMap<string, number | undefined> {
  const found = new Map<string, number | undefined>();
  const visit = (stage: string): number | undefined => {
    if (found.has(stage)) return found.get(stage);
    found.set(stage, undefined);
    const channels: ChannelState[] = [];
    const times: EdgeTime[] = [];
    const edgeTimes = edgeTimesOf(plan, stage);
    for (const edge of plan.edges.filter((e) => e.to === stage)) {
      const time = edgeTimes.find((t) => t.edge === edge.id) as EdgeTime;
      const isSource = plan.stages.find((s) => s.id === edge.from)?.source !== undefined;
      const ahead = isSource ? undefined : visit(edge.from);
      for (const facts of tasksOf(edge.from)) {
        channels.push(
          isSource
            ? sourceChannel(edge, facts, silences?.(edge.from, facts.task.partition), rules)
            : innerChannel(edge, facts, ahead, silences !== undefined),
        );
        times.push(time);
      }
    }
    const value = channels.length === 0 ? undefined : minimumOf(channels, times, rules.skew).value;
    found.set(stage, value);
    return value;
  };
  for (const stage of plan.stages) if (stage.source === undefined) visit(stage.id);
  return found;
}

function sourceChannel(
  edge: EdgePlan,
  { task, head }: TaskFacts,
  silence: SourceSilence | undefined,
  rules: ClaimRules,
): ChannelState {
  const source = head?.source;
  const own = source === undefined ? MIN_TIME : source.done ? MAX_TIME : source.watermark;
  const said = saidOf(own, controlGridOf(edge.steps));
  return {
    edge: edge.id,
    task: task.partition,
    thru: NOTHING,
    watermark: Math.max(said, silence?.watermark ?? MIN_TIME),
    spoken: said !== MIN_TIME,
    silent:
      silence === undefined ? undefined : { upTo: silence.upTo, since: silence.silentSince, verifiedAt: rules.now },
  };
}

/** A task that goes on passes on what it will have reached; one that stands says no more. */
function innerChannel(
  edge: EdgePlan,
  { task, head }: TaskFacts,
  ahead: number | undefined,
  exact: boolean,
): ChannelState {
  const own = head?.watermark ?? MIN_TIME;
  const reached = head?.status.kind === 'ok' ? Math.max(own, ahead ?? MIN_TIME) : own;
  const watermark = exact && reached > own ? reached : saidOf(reached, controlGridOf(edge.steps));
  return {
    edge: edge.id,
    task: task.partition,
    thru: NOTHING,
    watermark,
    spoken: watermark !== MIN_TIME,
    silent: undefined,
  };
}
