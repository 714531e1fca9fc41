/**
 * The input channels of one task: which part of a frame is new, who is silent, and how far event time has come.
 *
 * 1. Per channel `thru` never falls; a record is fresh exactly if its position lies beyond it.
 * 2. A frame that presumes more than `thru` follows a lost one: a gap.
 * 3. Watermarks of channels never fall. A claim's watermark counts only if all was seen that came before it.
 * 4. A silence ends when a frame speaks beyond it, before that frame's records; a repeat does not end it.
 * 5. Claims commute and may be repeated.
 */
import { ALL, comparePositions, MAX_TIME, MIN_TIME, NOTHING, type Position } from '../model/index.ts';
import { type ChannelState, type EdgeTime, type Minimum, minimumOf, type Silence } from './channel-minimum.ts';
import { type Claim, type Claims, channelName, type Frame } from './message.ts';

/** What a frame is to its receiver. */
export interface Arrival {
  /** `gap`: stop. `repeat`: nothing new but, perhaps, steps: the end of input is said without a further offset. */
  readonly kind: 'fresh' | 'repeat' | 'gap';
  /** Index of the first record beyond `thru`; the number of records if there is none. */
  readonly first: number;
  /** How far the channel had been applied. */
  readonly thru: Position;
}

/** A receiver's watermark, and who holds it back. */
export interface Reading {
  /** Undefined until every channel has spoken or may be passed over. */
  readonly value: number | undefined;
  /** Name of the channel with the least watermark, or of one that has not spoken; undefined where nothing is awaited any more. */
  readonly heldBy: string | undefined;
}

/** A moment to go back to. */
export interface ChannelsMark {
  readonly states: readonly ChannelState[];
  readonly edges: readonly EdgeTime[];
  readonly names: readonly string[];
  readonly places: readonly (readonly number[])[];
  readonly side: ReadonlyMap<string, ChannelState>;
  readonly minimum: Minimum | undefined;
  readonly reading: Reading | undefined;
}

/** A state that is this object's alone as yet. */
type Own = { -readonly [F in keyof ChannelState]: ChannelState[F] };

interface Lane {
  readonly time: EdgeTime;
  /** Where the channel of task i stands in the flat list. */
  places: readonly number[];
}

/** Holds the channels of a task, a `ChannelState` each, which never changes once it was given out. Unknown edges are refused by throwing a RangeError. */
export class Channels {
  readonly #lanes = new Map<string, Lane>();
  readonly #skew: number;
  #states: ChannelState[] = [];
  /** Those of them, by place, that were made by a step and that nobody else has been given: the next step changes them. */
  #own: (Own | undefined)[] = [];
  #edges: readonly EdgeTime[] = [];
  #names: readonly string[] = [];
  #side = new Map<string, ChannelState>();
  #minimum: Minimum | undefined;
  #reading: Reading | undefined;

  /** `edges`: all that write to the stage. `skew`: twice the greatest deviation of a clock from true time, in milliseconds. */
  constructor(edges: readonly EdgeTime[], skew: number) {
    for (const time of edges) this.#lanes.set(time.edge, { time, places: [] });
    this.#skew = skew;
  }

  /** What is known of a channel; undefined if it has never been heard of. */
  state(edge: string, task: number): ChannelState | undefined {
    if (task < 0) return this.#side.get(channelName(edge, task));
    const place = this.#lanes.get(edge)?.places[task];
    if (place === undefined) return undefined;
    this.#own[place] = undefined;
    return this.#states[place];
  }

  /** What to do with a frame; changes nothing. Frames of another run are the caller's to drop. */
  arrival(frame: Frame): Arrival {
    const thru = this.state(frame.channel.edge, frame.channel.task)?.thru ?? NOTHING;
    const { causes, ks } = frame;
    const n = causes.length;
    if (comparePositions(frame.prev, thru) > 0) return { kind: 'gap', first: n, thru };
    if (comparePositions(frame.thru, thru) <= 0) return { kind: 'repeat', first: n, thru };
    if (n === 0 || isBeyond(causes, ks, 0, thru)) return { kind: 'fresh', first: 0, thru };
    let low = 0;
    let high = n;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (isBeyond(causes, ks, middle, thru)) high = middle;
      else low = middle;
    }
    return { kind: 'fresh', first: high, thru };
  }

  /** Before a frame's records: the channel has spoken, its silence is over if the frame speaks beyond it, its edge has that many channels. */
  begin(frame: Frame): void {
    const { edge, task } = frame.channel;
    if (task >= 0) this.#widen(edge, Math.max(frame.channels, task + 1));
    const state = this.#at(edge, task);
    const { silent } = state;
    const ends = silent !== undefined && isBeyondSilence(frame.thru, silent);
    if (state.spoken && !ends) return;
    this.#put({ ...state, spoken: true, silent: ends ? undefined : silent });
    this.#minimum = undefined;
  }

  /** A step of a channel's watermark, in its place. True if the receiver's may have moved. */
  step(edge: string, task: number, watermark: number): boolean {
    if (task < 0) return false;
    const place = this.#place(edge, task);
    const state = this.#states[place] as ChannelState;
    if (watermark <= state.watermark) return false;
    const { thru, spoken, silent } = state;
    const own = this.#own[place];
    if (own === state) own.watermark = watermark;
    else {
      const made = { edge, task, thru, watermark, spoken, silent };
      this.#own[place] = made;
      this.#states[place] = made;
    }
    const minimum = this.#minimum;
    if (minimum === undefined) return true;
    if (silent === undefined && minimum.holder !== place && minimum.rest !== place) return false;
    this.#minimum = undefined;
    return true;
  }

  /** After a frame's records: the channel has been applied as far as the frame speaks. */
  end(frame: Frame): void {
    const { edge, task } = frame.channel;
    const state = this.#at(edge, task);
    if (comparePositions(frame.thru, state.thru) <= 0) return;
    const { watermark, spoken, silent } = state;
    this.#put({ edge, task, thru: frame.thru, watermark, spoken, silent });
  }

  /** What the pump says of silent channels. */
  claim(claims: Claims): void {
    for (const [edge, channels] of claims.edges) if (this.#lanes.has(edge)) this.#widen(edge, channels);
    for (const claim of claims.list) {
      const { edge, task } = claim.channel;
      if (task < 0 || !this.#lanes.has(edge)) continue;
      this.#widen(edge, task + 1);
      this.#put(claimed(this.#at(edge, task), claim, claims.time));
    }
    this.#minimum = undefined;
  }

  /** The receiver's watermark as its channels have it now; it may lie below an earlier one, and the task's own never falls. */
  watermark(): Reading {
    if (this.#minimum !== undefined && this.#reading !== undefined) return this.#reading;
    const unheard = this.#unheard();
    if (unheard !== undefined || this.#lanes.size === 0) {
      this.#minimum = { value: undefined, holder: -1, rest: -1 };
      this.#reading = { value: undefined, heldBy: unheard };
    } else {
      this.#minimum = minimumOf(this.#states, this.#edges, this.#skew);
      const { value, holder } = this.#minimum;
      this.#reading = { value, heldBy: holder === -1 ? undefined : this.#names[holder] };
    }
    return this.#reading;
  }

  /** All channels heard of, side channels too. */
  entries(): ChannelState[] {
    this.#own = [];
    const heard = this.#states.filter((s) => s.spoken || s.silent !== undefined || s.watermark !== MIN_TIME);
    return [...heard, ...this.#side.values()];
  }

  /** How many channels each edge is known to have. */
  edges(): (readonly [edge: string, channels: number])[] {
    return [...this.#lanes].map(([edge, lane]) => [edge, lane.places.length] as const);
  }

  /** Takes up what `entries` and `edges` gave; what is of edges that the stage no longer has is left out. */
  load(entries: readonly ChannelState[], edges: readonly (readonly [edge: string, channels: number])[]): void {
    for (const [edge, channels] of edges) if (this.#lanes.has(edge)) this.#widen(edge, channels);
    for (const state of entries) {
      if (!this.#lanes.has(state.edge)) continue;
      if (state.task >= 0) this.#widen(state.edge, state.task + 1);
      this.#put(state);
    }
    this.#minimum = undefined;
  }

  /** The present, to go back to. Costs as much as there are channels. */
  snapshot(): ChannelsMark {
    this.#own = [];
    return {
      states: this.#states.slice(),
      edges: this.#edges,
      names: this.#names,
      places: [...this.#lanes.values()].map((lane) => lane.places),
      side: new Map(this.#side),
      minimum: this.#minimum,
      reading: this.#reading,
    };
  }

  /** Goes back. A mark may be gone back to more than once. */
  restore(mark: ChannelsMark): void {
    this.#states = mark.states.slice();
    this.#edges = mark.edges;
    this.#names = mark.names;
    let i = 0;
    for (const lane of this.#lanes.values()) lane.places = mark.places[i++] ?? [];
    this.#side = new Map(mark.side);
    this.#minimum = mark.minimum;
    this.#reading = mark.reading;
  }

  #at(edge: string, task: number): ChannelState {
    if (task >= 0) return this.#states[this.#place(edge, task)] as ChannelState;
    this.#lane(edge);
    return this.#side.get(channelName(edge, task)) ?? unheardOf(edge, task);
  }

  #put(state: ChannelState): void {
    const { edge, task } = state;
    if (task >= 0) this.#states[this.#place(edge, task)] = state;
    else this.#side.set(channelName(edge, task), state);
  }

  #place(edge: string, task: number): number {
    const place = this.#lane(edge).places[task];
    if (place === undefined) throw new RangeError(`channel ${channelName(edge, task)} has not begun`);
    return place;
  }

  #lane(edge: string): Lane {
    const lane = this.#lanes.get(edge);
    if (lane === undefined) throw new RangeError(`edge ${edge} does not lead here`);
    return lane;
  }

  /** Makes room for the edge's channels; the order in the list is that of edges and tasks, whoever spoke first. */
  #widen(edge: string, channels: number): void {
    const { places } = this.#lane(edge);
    if (places.length >= channels) return;
    const states: ChannelState[] = [];
    const edges: EdgeTime[] = [];
    const names: string[] = [];
    for (const lane of this.#lanes.values()) {
      const known = lane.places;
      const { edge: each } = lane.time;
      const size = each === edge ? channels : known.length;
      lane.places = Array.from({ length: size }, (_, task) => states.length + task);
      for (let task = 0; task < size; task++) {
        states.push(this.#states[known[task] ?? -1] ?? unheardOf(each, task));
        edges.push(lane.time);
        names.push(channelName(each, task));
      }
    }
    this.#states = states;
    this.#edges = edges;
    this.#names = names;
    this.#minimum = undefined;
  }

  #unheard(): string | undefined {
    for (const { places, time } of this.#lanes.values()) if (places.length === 0) return channelName(time.edge, 0);
    return undefined;
  }
}

/** A channel after a claim of time `time`. The claim with the furthest `upTo` tells of the silence; of equals, the newest time. */
export function claimed(state: ChannelState, claim: Claim, time: number): ChannelState {
  const seen = comparePositions(claim.prev, state.thru) <= 0;
  const watermark =
    seen && claim.watermark !== undefined ? Math.max(state.watermark, claim.watermark) : state.watermark;
  return { ...state, watermark: Math.min(watermark, MAX_TIME), silent: silenceAfter(state, claim, time) };
}

function silenceAfter({ thru, silent }: ChannelState, claim: Claim, time: number): Silence | undefined {
  const { upTo, silentSince } = claim;
  const said = { upTo, since: silentSince, verifiedAt: time };
  if (isBeyondSilence(thru, said)) return silent;
  if (silent === undefined || upTo > silent.upTo) return said;
  if (upTo < silent.upTo) return silent;
  return { upTo, since: Math.max(silentSince, silent.since), verifiedAt: Math.max(time, silent.verifiedAt) };
}

/** Whether a position lies beyond all that came before the end which the silence was verified at. */
const isBeyondSilence = (position: Position, { upTo }: Silence): boolean =>
  comparePositions(position, { cause: upTo - 1, k: ALL }) > 0;

const unheardOf = (edge: string, task: number): ChannelState => ({
  edge,
  task,
  thru: NOTHING,
  watermark: MIN_TIME,
  spoken: false,
  silent: undefined,
});

function isBeyond(causes: readonly number[], ks: readonly number[], i: number, thru: Position): boolean {
  const cause = causes[i] as number;
  return cause > thru.cause || (cause === thru.cause && (ks[i] as number) > thru.k);
}
