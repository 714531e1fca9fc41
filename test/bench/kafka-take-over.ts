/** How long the tasks of a worker that leaves take to work on another one, on a real broker and real stores: loaded, caught up, and from a standby's copy. */
import { setTimeout as sleep } from 'node:timers/promises';
import { json } from '../../lib/adapters/formats/index.ts';
import { type KafkaClient, kafka } from '../../lib/adapters/kafka/index.ts';
import { recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { count, type Pipeline, pipeline, toFunction } from '../../lib/index.ts';
import { type OpenWorker, openWorker } from '../../lib/worker/index.ts';
import type { Figure, Measurement } from './case.ts';
import { brokers, connect, needBroker, newTopic, PARTITIONS } from './kafka-broker.ts';
import { type Event, event } from './kafka-events.ts';
import { needStores, stores } from './real-stores.ts';

const TASKS = 4;
/** What a take-over may take, without the session time-out. */
const WANTED = 2_000;

const prepare = async (): Promise<void> => {
  await needBroker();
  await needStores();
};

export const kafkaTakeOver: Measurement = {
  kind: 'measurement',
  name: 'kafka: take-over, real stores',
  records: TASKS * 100_000,
  prepare,
  run: ({ records }) =>
    measured(records, async (run) => {
      const first = await run.start();
      const filled = await run.fill(first);
      const second = await run.start();
      await run.shared(second);
      const loaded = await run.handOver(first, second);
      const third = await run.start();
      await run.shared(third);
      await run.push(20_000);
      const since = await run.handOver(third, second);
      await second.end();
      return [
        { what: 'until all keys were counted', value: filled, unit: 'ms' },
        figure(`a worker leaves, loaded by another: ${run.tasks(loaded)}`, loaded),
        figure(`a worker leaves, caught up by the one before: ${run.tasks(since)}`, since),
      ];
    }),
};

export const kafkaStandby: Measurement = {
  kind: 'measurement',
  name: 'kafka: take-over by a standby, real stores',
  records: 1_000_000,
  prepare,
  run: ({ records }) =>
    measured(records, async (run) => {
      const first = await run.start(1);
      const filled = await run.fill(first);
      const second = await run.start(1);
      await run.shared(second);
      await run.copied(second);
      await run.push(20_000);
      const copied = await run.handOver(first, second);
      await second.end();
      return [
        { what: 'until all keys were counted', value: filled, unit: 'ms' },
        figure(`a worker leaves, its tasks copied by another: ${run.tasks(copied)}`, copied),
      ];
    }),
};

interface HandOver {
  /** Milliseconds from when the worker was asked to stop until the other has all tasks in memory. */
  readonly took: number;
  /** How each task with state that has moved came into memory, and in how many milliseconds. */
  readonly moved: readonly { readonly how: string; readonly took: number }[];
}

const figure = (what: string, { took }: HandOver): Figure => ({
  what,
  value: took,
  unit: 'ms',
  target: 'under 2 s',
  met: took < WANTED,
});

interface Started extends OpenWorker {
  /** Of the tasks with state, in order. */
  readonly loads: { readonly how: string; readonly took: number }[];
  end(): Promise<void>;
}

async function measured(keys: number, work: (run: Counting) => Promise<Figure[]>): Promise<readonly Figure[]> {
  const client = connect();
  try {
    return await work(await Counting.begin(client, keys));
  } finally {
    client.close();
  }
}

/** A pipeline that counts keys, on workers that share it. */
class Counting {
  readonly #client: KafkaClient;
  readonly #keys: number;
  readonly #topic: string;
  readonly #name = `take-over-${process.pid}`;
  readonly #pipeline: Pipeline;
  #counted = 0;
  #pushed = 0;

  private constructor(client: KafkaClient, keys: number, topic: string) {
    this.#client = client;
    this.#keys = keys;
    this.#topic = topic;
    this.#pipeline = pipeline(
      'keys',
      (p) => {
        p.source('events', kafka<Event>({ topic, format: json<Event>() }))
          .keyBy('id', (e) => e.id)
          .aggregate('counts', { n: count() })
          .to(
            'out',
            toFunction<unknown>((rows) => {
              this.#counted += rows.length;
            }),
          );
      },
      { parallelism: TASKS },
    );
  }

  static async begin(client: KafkaClient, keys: number): Promise<Counting> {
    return new Counting(client, keys, (await newTopic(client, 'keys')).name);
  }

  /** Appends records, of one key after another, and waits until they were counted, unless nobody is there yet. */
  async push(records: number): Promise<void> {
    const end = this.#pushed + records;
    while (this.#pushed < end) {
      const some = Array.from({ length: Math.min(20_000, end - this.#pushed) }, (_, i) => {
        const made = event((this.#pushed + i) % this.#keys);
        return { topic: this.#topic, partition: i % PARTITIONS, record: { value: Buffer.from(JSON.stringify(made)) } };
      });
      await this.#client.append(some);
      this.#pushed += some.length;
    }
    await until(() => this.#counted >= this.#pushed);
  }

  /** One record of each key; the milliseconds until all were counted. */
  async fill(_by: Started): Promise<number> {
    const began = performance.now();
    await this.push(this.#keys);
    return performance.now() - began;
  }

  async start(copies = 0): Promise<Started> {
    const telemetry = recordingTelemetry();
    const loads: Started['loads'] = [];
    const observe = telemetry.observe.bind(telemetry);
    telemetry.observe = (metric, took, labels) => {
      observe(metric, took, labels);
      if (metric === 'millrace.worker.take_over.time' && labels['stage'] === 'counts')
        loads.push({ how: String(labels['how']), took });
    };
    const open = await openWorker(this.#pipeline, {
      ...{ kafka: { brokers: brokers() }, table: this.#name, bucket: this.#name, create: true, ...stores() },
      ...{ log: { topicPrefix: `${this.#name}.` }, copies, telemetry },
    });
    const running = open.worker.run();
    await until(() => open.worker.status().ready && open.worker.status().tasks.length > 0);
    const end = async (): Promise<void> => {
      open.worker.stop();
      await running;
      await open.close();
    };
    return { ...open, loads, end };
  }

  /** Waits until a worker has its half. */
  shared({ worker }: Started): Promise<void> {
    return until(() => worker.status().ready && worker.status().tasks.length >= worker.open.tasks.length / 2);
  }

  /** Waits until a worker has copies of all tasks that are not its own. */
  copied({ worker }: Started): Promise<void> {
    return until(() => worker.status().tasks.length + worker.status().warm.length >= worker.open.tasks.length);
  }

  async handOver(from: Started, to: Started): Promise<HandOver> {
    const before = to.loads.length;
    const began = performance.now();
    const ending = from.end();
    const { worker } = to;
    await until(() => worker.status().ready && worker.status().tasks.length === worker.open.tasks.length);
    const took = performance.now() - began;
    await ending;
    return { took, moved: to.loads.slice(before) };
  }

  /** What moved, in words. */
  tasks({ moved }: HandOver): string {
    const each = moved.map(({ how, took }) => `${how} in ${Math.round(took)} ms`);
    return `${moved.length} of ${TASKS} tasks of ${this.#keys / TASKS} keys (${each.join(', ')})`;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(2);
}
