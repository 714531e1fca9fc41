import { KafkaClient, type KafkaConnection } from '../adapters/kafka/index.ts';
import { systemClock, systemRandom } from '../adapters/system/index.ts';
import { milliseconds } from '../model/index.ts';
import type { Clock, Random } from '../ports/index.ts';
import type { CallFunction } from './delivery.ts';
import { goodDay, type Habits } from './habits.ts';
import type { KafkaMapping } from './mapping.ts';
import type { News } from './news.ts';
import { Poller } from './poller.ts';

export interface EventSourceOptions {
  readonly mappings: readonly KafkaMapping[];
  /** The cluster that the topics are on, as this machine reaches it. */
  readonly kafka: KafkaConnection;
  /** Calls a function and waits for it: `LambdaFunctions.call`, or the handler itself in a test. */
  readonly call: CallFunction;
  /** Default: none; see `badDay` for all of them. */
  readonly habits?: Partial<Habits>;
  /** Deliveries of one mapping under way at once, at most. Default: 5, as one of Lambda's pollers. */
  readonly concurrency?: number;
  /** Told what happens, as it happens. */
  readonly tell?: (news: News) => void;
  /** Default: the machine's. A seeded one makes the habits' choices the same each time. */
  readonly random?: Random;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** Milliseconds for which a request to Kafka is tried before it is told of; it is tried further. */
const PATIENCE = 5_000;

/**
 * Stands for Lambda's event source mappings of Kafka where there are none: polls topics, and calls functions with the events that Lambda would make of them. A delivery is made again as a whole until it succeeds, and offsets are
 * committed to the mapping's consumer group after that: at least once, in order by partition.
 */
export class LocalEventSource {
  readonly #abort = new AbortController();
  readonly #client: KafkaClient;
  readonly #pollers: readonly Poller[];
  readonly #zombies = new Set<Promise<unknown>>();
  readonly #clock: Clock;
  readonly #running: Promise<unknown>;

  /** Begins at once. */
  constructor(options: EventSourceOptions) {
    const { mappings, kafka, call, habits = {}, concurrency = 5, tell = () => {} } = options;
    this.#clock = options.clock ?? systemClock;
    this.#client = new KafkaClient(kafka, { patience: PATIENCE });
    const shared = {
      ...{ call, tell, concurrency, client: this.#client, clock: this.#clock, random: options.random ?? systemRandom },
      ...{ habits: { ...goodDay, ...habits }, signal: this.#abort.signal, zombies: this.#zombies },
    };
    this.#pollers = mappings.map((mapping) => new Poller({ ...shared, mapping }));
    this.#running = Promise.all(this.#pollers.map((poller) => poller.run()));
  }

  /** Until everything that the topics hold has been delivered, and nothing more has come meanwhile. */
  async caughtUp(): Promise<void> {
    for (let before = -1; !this.#abort.signal.aborted; ) {
      const all = await Promise.all(this.#pollers.map((poller) => poller.isCaughtUp()));
      const delivered = this.#pollers.reduce((sum, poller) => sum + poller.delivered, 0);
      // What one delivers, another's topic may get: twice in a row nothing, and nothing between.
      const still = all.every((each) => each) && this.#zombies.size === 0;
      if (still && delivered === before) return;
      before = still ? delivered : -1;
      await this.#clock.sleep(milliseconds(20), this.#abort.signal).catch(() => {});
    }
  }

  /** Ends when calls under way have ended; what they were called with is committed if they succeeded. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await Promise.all([...this.#zombies]);
    this.#client.close();
  }
}
