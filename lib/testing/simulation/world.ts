/** Everything that outlives the processes of a simulation: time, stores, sources, sinks, what was seen to go wrong, and the story so far. */
import { SeededRandom } from '../../adapters/simulated/index.ts';
import { Dice, type FaultRates } from './dice.ts';
import { Schedule } from './schedule.ts';
import { StoredSink } from './sim-sink.ts';
import { type SimSourceSpec, StoredSource } from './sim-source.ts';
import { StoredBlobs } from './stored-blobs.ts';
import { StoredCommits } from './stored-commits.ts';
import { StoredLog } from './stored-log.ts';

/** A rule that did not hold. `invariant` is its number and name, the same at every seed. */
export interface Violation {
  readonly invariant: string;
  readonly message: string;
}

/** When simulations begin. */
export const SIM_START = 1_700_000_000_000;

/** Sizes that a seed draws. */
export interface SimSizes {
  readonly processes: number;
  readonly slots: number;
  readonly inlineBytes: number;
  readonly maxMessageBytes: number;
  readonly batchMessages: number;
  readonly sourceRows: number;
  /** Greatest deviation of a clock from true time. */
  readonly deviation: number;
  /** Milliseconds between two rounds of the controller. */
  readonly pumpPeriod: number;
  /** Longest time between a message's append and its delivery. */
  readonly deliveryDelay: number;
  /** Where steps are written in groups: the longest time from the first of a group to its flush. */
  readonly flushEvery?: number;
}

export class World {
  readonly schedule = new Schedule(SIM_START);
  readonly random: SeededRandom;
  readonly dice: Dice;
  readonly sizes: SimSizes;
  readonly log: StoredLog;
  readonly commits = new StoredCommits();
  readonly blobs = new StoredBlobs();
  readonly sources = new Map<string, StoredSource>();
  readonly sinks = new Map<string, StoredSink>();
  violation: Violation | undefined;
  /** Called when what a process had staged has gone with it. */
  onLoss: () => void = () => {};
  /** What happened, in order; only if it was asked for. */
  readonly story: string[] | undefined;

  constructor(
    seed: number,
    sizes: SimSizes,
    rates: FaultRates,
    sources: Readonly<Record<string, SimSourceSpec>>,
    options: { readonly spared?: ReadonlySet<string>; readonly tell?: boolean } = {},
  ) {
    this.random = new SeededRandom(seed);
    this.dice = new Dice(seed, rates, options.spared);
    this.sizes = sizes;
    this.log = new StoredLog(this.schedule, sizes.maxMessageBytes);
    this.story = options.tell === true ? [] : undefined;
    for (const [id, spec] of Object.entries(sources)) this.sources.set(id, new StoredSource(id, spec, this.schedule));
  }

  readonly tell = (who: string, what: string): void => {
    this.story?.push(`${((this.schedule.now - SIM_START) / 1000).toFixed(3).padStart(9)}  ${who.padEnd(10)} ${what}`);
  };

  /** A rule did not hold: the simulation ends. The first is kept. */
  readonly violate = (invariant: string, message: string): void => {
    if (this.violation !== undefined) return;
    this.violation = { invariant, message };
    this.tell('VIOLATION', `${invariant}: ${message}`);
    this.schedule.stop();
  };

  sink(id: string): StoredSink {
    let sink = this.sinks.get(id);
    if (sink === undefined) {
      sink = new StoredSink(this.violate);
      this.sinks.set(id, sink);
    }
    return sink;
  }
}
