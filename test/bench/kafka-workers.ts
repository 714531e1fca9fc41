/** How long it takes until a worker is at work: with nothing, with a state that it must load, with a state of which it has a copy. */
import { setTimeout as sleep } from 'node:timers/promises';
import { json } from '../../lib/adapters/formats/index.ts';
import { KafkaGroupAssignment, kafka } from '../../lib/adapters/kafka/index.ts';
import { recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import type { Worker } from '../../lib/hosts/worker/index.ts';
import { count, type Pipeline, pipeline, toFunction } from '../../lib/index.ts';
import type { Figure, Measurement } from './case.ts';
import { brokers, connect, eventsTopic, needBroker } from './kafka-broker.ts';
import type { Event } from './kafka-events.ts';
import { type KafkaPorts, kafkaPorts, openWorkerOn } from './kafka-worker.ts';

const TASKS = 4;

export const kafkaWorkers: Measurement = {
  kind: 'measurement',
  name: 'kafka: start-up, cold load, warm hand-over',
  records: 1_000_000,
  async prepare(records) {
    await needBroker();
    const client = connect();
    await eventsTopic(client, records);
    client.close();
  },
  async run({ records: keys }) {
    const client = connect();
    const topic = await eventsTopic(client, keys);
    let counted = 0;
    const made = pipeline(
      'keys',
      (p) => {
        p.source('events', kafka<Event>({ topic: topic.name, format: json<Event>() }))
          .keyBy('id', (e) => e.id)
          .aggregate('counts', { n: count() })
          .to(
            'out',
            toFunction<unknown>((rows) => {
              counted += rows.length;
            }),
          );
      },
      { parallelism: TASKS },
    );
    const group = `keys-${process.pid}`;
    const ports = kafkaPorts(client, group);

    const began = performance.now();
    const first = await started(made, ports, group);
    const startUp = performance.now() - began;
    await until(() => counted >= keys);
    const filled = performance.now() - began;
    await first.end();

    const coldBegan = performance.now();
    const clients = [client, connect(), connect()] as const;
    const second = await started(made, { ...ports, client: clients[1] }, group);
    const cold = performance.now() - coldBegan;

    const third = await started(made, { ...ports, client: clients[2], telemetry: recordingTelemetry() }, group);
    const all = third.worker.open.tasks.length;
    await until(() => {
      const { tasks, warm } = third.worker.status();
      return tasks.length < all && tasks.length + warm.length >= all;
    });
    await sleep(2_000);
    const handBegan = performance.now();
    const ending = second.end();
    await until(() => third.worker.status().ready && third.worker.status().tasks.length === all);
    const handOver = performance.now() - handBegan;
    await ending;
    await third.end();
    for (const each of clients) each.close();
    const figures: Figure[] = [
      { what: 'start-up of a new run, until all tasks work', value: startUp, unit: 'ms' },
      { what: 'until all keys were counted', value: filled, unit: 'ms' },
      { what: `start-up with all keys to load, ${TASKS} tasks of them`, value: cold, unit: 'ms' },
      {
        what: 'a worker leaves: until the one with copies has all',
        value: handOver,
        unit: 'ms',
        target: 'under 2 s',
        met: handOver < 2_000,
      },
    ];
    return figures;
  },
};

/** A worker that has come so far that all of its tasks are in memory. */
async function started(
  made: Pipeline,
  ports: KafkaPorts,
  group: string,
): Promise<{ readonly worker: Worker; end(): Promise<void> }> {
  const { telemetry } = ports;
  const connection = { brokers: brokers() };
  const worker = await openWorkerOn(ports, made, {
    assignment: () => new KafkaGroupAssignment(connection, { group, telemetry, copies: 1 }),
  });
  const running = worker.run();
  await until(() => worker.status().ready && worker.status().tasks.length > 0);
  const end = async (): Promise<void> => {
    worker.stop();
    await running;
  };
  return { worker, end };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(2);
}
