import { readStack } from '../adapters/cloudformation/index.ts';
import type { KafkaConnection } from '../adapters/kafka/index.ts';
import { LambdaFunctions } from '../adapters/lambda/index.ts';
import { systemClock } from '../adapters/system/index.ts';
import type { AwsConnection } from '../aws/index.ts';
import { type Duration, seconds } from '../model/index.ts';
import type { Clock, Random } from '../ports/index.ts';
import { asError } from './delivery.ts';
import { LocalEventSource } from './event-source.ts';
import type { Habits } from './habits.ts';
import type { KafkaMapping } from './mapping.ts';
import { mappingsIn, type StackSchedule, schedulesIn } from './mappings-of-stack.ts';
import type { News } from './news.ts';
import { LocalSchedule } from './schedule.ts';

export interface StackEventSourceOptions {
  /** Names of deployed stacks. */
  readonly stacks: readonly string[];
  /** Where they are deployed. */
  readonly aws: AwsConnection;
  /** The cluster that the topics are on, as this machine reaches it. */
  readonly kafka: KafkaConnection;
  readonly habits?: Partial<Habits>;
  readonly concurrency?: number;
  /** Calls what the stacks' schedules call, with this period instead of their own. Default: leaves them to whoever else fires them. */
  readonly schedule?: Duration;
  /** How often the stacks are read again, since they may be deployed anew. Default: 5 seconds. */
  readonly refresh?: Duration;
  readonly tell?: (news: News) => void;
  readonly random?: Random;
  readonly clock?: Clock;
}

/** The event source mappings of deployed stacks, and their schedules if wanted, at work on this machine. It follows the stacks when they are deployed anew. */
export class StackEventSource {
  readonly #options: StackEventSourceOptions;
  readonly #functions: LambdaFunctions;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #found: Found;
  #source: LocalEventSource;
  #schedules: readonly LocalSchedule[];
  readonly #following: Promise<void>;

  /** Reads the stacks and begins. Throws `unavailable` where one does not exist, `incompatible` where a mapping cannot be understood. */
  static async open(options: StackEventSourceOptions): Promise<StackEventSource> {
    return new StackEventSource(options, await find(options));
  }

  private constructor(options: StackEventSourceOptions, found: Found) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#functions = new LambdaFunctions(options.aws);
    this.#found = found;
    this.#source = this.#sourceOf(found);
    this.#schedules = this.#schedulesOf(found);
    this.#following = this.#follow();
  }

  get mappings(): readonly KafkaMapping[] {
    return this.#found.mappings;
  }

  get schedules(): readonly StackSchedule[] {
    return this.#found.schedules;
  }

  /** Until everything that the topics hold has been delivered. */
  caughtUp(): Promise<void> {
    return this.#source.caughtUp();
  }

  /** Ends when calls under way have ended. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#following;
    await this.#stopWork();
    this.#functions.close();
  }

  async #stopWork(): Promise<void> {
    await Promise.all([this.#source.stop(), ...this.#schedules.map((schedule) => schedule.stop())]);
  }

  #sourceOf({ mappings }: Found): LocalEventSource {
    return new LocalEventSource({ ...this.#options, mappings, call: (name, text) => this.#functions.call(name, text) });
  }

  #schedulesOf({ schedules }: Found): readonly LocalSchedule[] {
    const { schedule: period } = this.#options;
    if (period === undefined) return [];
    const call = (name: string, text: string) => this.#functions.call(name, text);
    return schedules.map(
      ({ functionName, input }) => new LocalSchedule({ ...this.#options, functionName, input, period, call }),
    );
  }

  /** A deployment under way shows mappings that do not fit together yet: it is looked again. */
  async #follow(): Promise<void> {
    const { refresh = seconds(5), tell = () => {} } = this.#options;
    const { signal } = this.#abort;
    for (;;) {
      await this.#clock.sleep(refresh, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        const found = await find(this.#options);
        if (JSON.stringify(found) === JSON.stringify(this.#found)) continue;
        await this.#stopWork();
        this.#found = found;
        this.#source = this.#sourceOf(found);
        this.#schedules = this.#schedulesOf(found);
      } catch (thrown) {
        tell({ mapping: this.#options.stacks.join(', '), kind: 'trouble', error: asError(thrown) });
      }
    }
  }
}

interface Found {
  readonly mappings: readonly KafkaMapping[];
  readonly schedules: readonly StackSchedule[];
}

async function find({ stacks, aws, kafka }: StackEventSourceOptions): Promise<Found> {
  const read = await Promise.all(stacks.map((name) => readStack(aws, name)));
  const bootstrapServers = kafka.brokers.join(',');
  return {
    mappings: read.flatMap((stack) => mappingsIn(stack, { bootstrapServers })),
    schedules: read.flatMap(schedulesIn),
  };
}
