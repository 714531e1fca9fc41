/**
 * The watermark of a receiver: the least over its channels, as far as they count. Receivers decide by it from what their log told
 * them, and the pump foresees with it what its claims would bring about, so that both mean the same.
 *
 * 1. Until every channel has spoken, or has been verified silent for long enough, there is none.
 * 2. A channel at `MAX_TIME` is neither active nor silent: it holds nobody back and nobody is measured by it.
 * 3. A silent channel with a claim counts like any other, at its claim: a claim is as true as a watermark.
 * 4. Policy `advance`: one that is verified silent and whose claim lies more than `drift` behind the rest counts, until it speaks,
 *    at no less than what a live record within the bound may still bring; it is left out if that too lies more than `drift` behind.
 *    One that never spoke drifts as soon as it is verified silent.
 * 5. Policy `exclude`: one that is verified silent is left out. Policy `hold`: nothing of this.
 */
import { MAX_TIME, MIN_TIME, type Position } from '../model/index.ts';
import type { IdlePolicy } from '../plan/index.ts';

/** What is known of a channel's silence; from claims only. */
export interface Silence {
  /** The sender's next offset, which was the end of its log. */
  readonly upTo: number;
  /** Since when nothing has arrived, by the wall clock. */
  readonly since: number;
  /** When that was last verified: the newest time of a claim that says so. */
  readonly verifiedAt: number;
}

/** What a receiver remembers of one channel. Immutable; another object means a change. */
export interface ChannelState {
  readonly edge: string;
  /** Partition of the sending task; negative for a side channel, which never counts. */
  readonly task: number;
  /** How far it has been applied. */
  readonly thru: Position;
  /** `MIN_TIME`: none yet. */
  readonly watermark: number;
  /** Whether a frame of it was seen. */
  readonly spoken: boolean;
  readonly silent: Silence | undefined;
}

/** What the rules of time need to know of an edge. */
export interface EdgeTime {
  readonly edge: string;
  /** Declared disorder of the source in milliseconds. */
  readonly bound: number;
  /** Only for edges out of source stages; others are never silent. */
  readonly idle: IdlePolicy | undefined;
}

/** What `minimumOf` found: indices point into the channels given, -1 for none. */
export interface Minimum {
  /** Undefined until every channel has spoken or may be passed over. `MAX_TIME` only if every channel has ended. */
  readonly value: number | undefined;
  /** The channel that holds the watermark back. */
  readonly holder: number;
  /** The channel by which drift is measured. A minimum stands while neither of the two moves and none is silent. */
  readonly rest: number;
}

/** The minimum over all channels of a receiver. `edges[i]` is the edge of `channels[i]`; `skew` is twice the greatest deviation of a clock. */
export function minimumOf(channels: readonly ChannelState[], edges: readonly EdgeTime[], skew: number): Minimum {
  let least = MAX_TIME as number;
  let holder = -1;
  let passable = false;
  for (let i = 0; i < channels.length; i++) {
    const channel = channels[i] as ChannelState;
    if (channel.silent !== undefined && isPassable(channel, edges[i] as EdgeTime, skew)) {
      passable = true;
      continue;
    }
    if (channel.watermark === MIN_TIME && !channel.spoken) return { value: undefined, holder: i, rest: i };
    if (channel.watermark < least) {
      least = channel.watermark;
      holder = i;
    }
  }
  return passable ? withSilent(channels, edges, skew, least, holder) : { value: least, holder, rest: holder };
}

/** Whether a silent channel may be passed over: verified silent for long enough, under a policy that allows it, and not at its end. */
function isPassable(channel: ChannelState, { idle }: EdgeTime, skew: number): boolean {
  const { silent, watermark } = channel;
  if (silent === undefined || idle === undefined || idle.policy === 'hold' || watermark === MAX_TIME) return false;
  return silent.verifiedAt - silent.since >= idle.after + skew;
}

/** `active` is the least watermark of the channels that are not passable, at index `holder`, or `MAX_TIME` and -1 if there are none short of it. */
function withSilent(
  channels: readonly ChannelState[],
  edges: readonly EdgeTime[],
  skew: number,
  active: number,
  activeHolder: number,
): Minimum {
  let rest = active;
  let restHolder = activeHolder;
  if (activeHolder === -1) {
    rest = MIN_TIME;
    for (let i = 0; i < channels.length; i++) {
      const channel = channels[i] as ChannelState;
      if (edges[i]?.idle?.policy !== 'advance' || channel.watermark === MAX_TIME) continue;
      if (channel.watermark > rest) {
        rest = channel.watermark;
        restHolder = i;
      }
    }
  }
  let least = active;
  let holder = activeHolder;
  let leftOut = MIN_TIME as number;
  let leftOutHolder = -1;
  for (let i = 0; i < channels.length; i++) {
    const channel = channels[i] as ChannelState;
    const edge = edges[i] as EdgeTime;
    if (!isPassable(channel, edge, skew)) continue;
    const counted = countedAt(channel, edge, skew, rest);
    if (counted === undefined) {
      const claim = channel.watermark === MIN_TIME ? liveFloor(channel, edge, skew) : channel.watermark;
      if (claim > leftOut) {
        leftOut = claim;
        leftOutHolder = i;
      }
    } else if (counted < least) {
      least = counted;
      holder = i;
    }
  }
  // Everybody who has not ended is left out: the furthest of them stands for all, since an end must not be said for those who have not.
  if (holder === -1 && leftOutHolder !== -1) return { value: leftOut, holder: leftOutHolder, rest: restHolder };
  return { value: least, holder, rest: restHolder };
}

/** Where a passable channel counts; undefined if it is left out. `rest` is `MIN_TIME` if there is nothing to measure by. */
function countedAt(channel: ChannelState, edge: EdgeTime, skew: number, rest: number): number | undefined {
  const { policy, drift } = edge.idle as IdlePolicy;
  if (policy === 'exclude') return undefined;
  const claim = channel.watermark;
  if (claim !== MIN_TIME && rest - claim <= drift) return claim;
  // A claim beyond the floor lies too far behind as well, so that the floor alone decides.
  const floor = liveFloor(channel, edge, skew);
  return rest - floor > drift ? undefined : floor;
}

/** What a source within its bound can at the earliest still bring live. */
const liveFloor = (channel: ChannelState, edge: EdgeTime, skew: number): number =>
  (channel.silent as Silence).verifiedAt - edge.bound - skew;
