/**
 * Reads of many partitions at once that wait for something to come: one request for each broker, answered as soon as it has something.
 *
 * A request that waits stays under way when its caller has gone on with what another broker said; what it brings is kept for the next call, and a
 * call asks only for places that no such request has asked for. Each waits on a connection of its own. Who reads other places beside has `LongReads` of
 * his own, so that neither takes what the other has asked for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from './broker-error.ts';
import type { Fetched } from './fetch-request.ts';
import { type PartitionReads, type ReadPlace, type RecordLimit, type RecordSlice, sliceOf } from './partition-reads.ts';

/** A request under way, or answered and not yet looked at. */
interface Flight {
  readonly channel: string;
  /** Those that nobody has been answered for yet. */
  readonly places: Set<string>;
  answer: readonly Fetched[] | undefined;
  failure: unknown;
  landed: Promise<void>;
}

/** What a request answers: brokers leave other things out for readers of committed records, and tell them alone what was aborted. */
const keyOf = ({ topic, partition, from }: ReadPlace, { committedOnly }: RecordLimit): string =>
  `${from} ${partition} ${topic.id} ${committedOnly}`;
const partitionKey = (topicId: string, partition: number): string => `${partition} ${topicId}`;

/** Waits this long while partitions have no leader. */
const WITHOUT_LEADER = 100;

export class LongReads {
  readonly #reads: PartitionReads;
  readonly #name: string;
  readonly #flights = new Set<Flight>();
  /** Places of the calls under way. */
  readonly #calls = new Set<ReadonlySet<string>>();
  readonly #freeChannels: string[] = [];
  #channels = 0;
  #turn = 0;
  /** A broker has answered that it does not lead a partition. */
  #moved = false;

  /** `name` tells its connections from those of others. */
  constructor(reads: PartitionReads, name: string) {
    this.#reads = reads;
    this.#name = name;
  }

  /**
   * For each place what was found there: records, or a log that is shorter than the place; undefined where nothing was. Answers once something
   * is found, or after `patience` milliseconds. Throws what concerns a place, or a broker that cannot be reached. May be called while other calls wait, for
   * other places.
   */
  async read(
    places: readonly ReadPlace[],
    limit: RecordLimit,
    patience: number,
    signal?: AbortSignal,
  ): Promise<readonly (RecordSlice | undefined)[]> {
    const call = new Set(places.map((place) => keyOf(place, limit)));
    this.#calls.add(call);
    try {
      return await this.#read(places, limit, patience, signal);
    } finally {
      this.#calls.delete(call);
    }
  }

  async #read(
    places: readonly ReadPlace[],
    limit: RecordLimit,
    patience: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly (RecordSlice | undefined)[]> {
    const end = performance.now() + patience;
    for (;;) {
      const found = await this.#collect(places, limit);
      const left = end - performance.now();
      if (left <= 0 || signal?.aborted === true || found.some((each) => each !== undefined)) return found;
      if (this.#moved) {
        this.#moved = false;
        await within(sleep(WITHOUT_LEADER), left, signal);
      }
      await this.#start(places, limit, left);
      const keys = places.map((place) => keyOf(place, limit));
      const flights = [...this.#flights].filter((flight) => keys.some((key) => flight.places.has(key)));
      const waits =
        flights.length === 0 ? [sleep(Math.min(left, WITHOUT_LEADER))] : flights.map(({ landed }) => landed);
      await within(Promise.race(waits), left, signal);
    }
  }

  /** What answered requests have brought for these places. */
  async #collect(places: readonly ReadPlace[], limit: RecordLimit): Promise<(RecordSlice | undefined)[]> {
    const keys = places.map((place) => keyOf(place, limit));
    const found: (RecordSlice | undefined)[] = places.map(() => undefined);
    for (const flight of [...this.#flights]) {
      if (flight.answer === undefined && flight.failure === undefined) continue;
      const mine = [...keys.keys()].filter((i) => flight.places.has(keys[i]!));
      if (mine.length === 0) {
        if (!this.#isWanted(flight)) this.#flights.delete(flight);
        continue;
      }
      for (const i of mine) flight.places.delete(keys[i]!);
      if (flight.places.size === 0 || !this.#isWanted(flight)) this.#flights.delete(flight);
      if (flight.failure !== undefined) throw flight.failure;
      const byPartition = new Map(flight.answer!.map((each) => [partitionKey(each.topicId, each.partition), each]));
      for (const i of mine) {
        const { topic, partition } = places[i]!;
        const fetched = byPartition.get(partitionKey(topic.id, partition));
        if (fetched !== undefined) found[i] = await this.#slice(places[i]!, fetched, limit);
      }
    }
    return found;
  }

  /** Whether a call under way waits for what it has brought. */
  #isWanted({ places }: Flight): boolean {
    return [...this.#calls].some((call) => [...places].some((place) => call.has(place)));
  }

  async #slice(place: ReadPlace, fetched: Fetched, limit: RecordLimit): Promise<RecordSlice | undefined> {
    const { from } = place;
    if (fetched.error !== 0 && fetched.error !== Code.offsetOutOfRange) {
      // Mostly a leader that has moved: the others need not wait until it is found.
      this.#reads.forget([place]);
      this.#moved = true;
      return undefined;
    }
    const slice = fetched.error === 0 ? await sliceOf(fetched, from, limit) : await this.#reads.read(place, limit);
    const shorter = fetched.error === Code.offsetOutOfRange && (slice.start > from || slice.end < from);
    return shorter || slice.next > from ? slice : undefined;
  }

  /** Asks for all places that no request under way has asked for. */
  async #start(places: readonly ReadPlace[], limit: RecordLimit, patience: number): Promise<void> {
    const flying = [...this.#flights];
    const missing = places.filter((place) => !flying.some((flight) => flight.places.has(keyOf(place, limit))));
    const leaders = await Promise.all(
      missing.map(async ({ topic, partition }) => (await this.#reads.place(topic, partition)).leaders[partition] ?? -1),
    );
    const byLeader = Map.groupBy([...missing.keys()], (i) => leaders[i]!);
    this.#turn++;
    for (const [leader, list] of byLeader) {
      if (leader >= 0)
        this.#fly(
          leader,
          rotated(list, this.#turn).map((i) => missing[i]!),
          limit,
          patience,
        );
    }
  }

  #fly(leader: number, places: readonly ReadPlace[], limit: RecordLimit, patience: number): void {
    const channel = this.#freeChannels.pop() ?? `${this.#name}-${++this.#channels}`;
    const flight: Flight = {
      channel,
      places: new Set(places.map((place) => keyOf(place, limit))),
      answer: undefined,
      failure: undefined,
      landed: Promise.resolve(),
    };
    const limits = { ...limit, patience: Math.max(1, Math.floor(patience)) };
    flight.landed = this.#reads.fetch(leader, channel, places, limits).then(
      (answer) => {
        flight.answer = answer;
        this.#freeChannels.push(channel);
      },
      (failure: unknown) => {
        flight.failure = failure;
        this.#freeChannels.push(channel);
        this.#reads.forget(places);
      },
    );
    this.#flights.add(flight);
  }
}

/** Brokers fill an answer in the order of the request: each partition is first in its turn. */
function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** Waits for something, at most so many milliseconds or until the signal. */
async function within(what: Promise<unknown>, span: number, signal: AbortSignal | undefined): Promise<void> {
  const over = new AbortController();
  const stop = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  await Promise.race([what, sleep(span, undefined, { signal: stop }).catch(() => {})]);
  over.abort();
}
