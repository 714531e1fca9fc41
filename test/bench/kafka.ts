/** From Kafka to Kafka with exactly once, beside loops without guarantees; and one exchange with frames beside one message a record. */

import { json } from '../../lib/adapters/formats/index.ts';
import { kafka, toKafka } from '../../lib/adapters/kafka/index.ts';
import { count, mean, milliseconds, type Pipeline, pipeline, tumbling } from '../../lib/index.ts';
import type { Comparison, Done } from './case.ts';
import { connect, eventsTopic, needBroker, newTopic } from './kafka-broker.ts';
import { type Event, WINDOW } from './kafka-events.ts';
import { framesHop, messagesHop } from './kafka-hop.ts';
import { loopOnClient, loopOnKafkajs, type PlainJob, plainCount, plainPass, plainWindow } from './kafka-loops.ts';
import { kafkaPorts, runWorker } from './kafka-worker.ts';

const RECORDS = 500_000;

type Build = (input: string, out: string) => Pipeline;

const eventsOf = (topic: string) => kafka<Event>({ topic, format: json<Event>(), bounded: true });
const to = (topic: string) => toKafka<unknown>({ topic, format: json() });

const pass: Build = (input, out) =>
  pipeline('pass', (p) => {
    p.source('events', eventsOf(input)).to('out', to(out));
  });

const counted: Build = (input, out) =>
  pipeline(
    'count',
    (p) => {
      p.source('events', eventsOf(input))
        .keyBy('key', (e) => e.key)
        .aggregate('counts', { n: count() })
        .to('out', to(out));
    },
    { parallelism: 4 },
  );

const windowed: Build = (input, out) =>
  pipeline(
    'window',
    (p) => {
      p.source('events', eventsOf(input), { eventTime: (e) => e.time })
        .keyBy('key', (e) => e.key)
        .window(tumbling(milliseconds(WINDOW)))
        .aggregate('totals', { n: count(), mean: mean((e) => e.value) })
        .to('out', to(out));
    },
    { parallelism: 4 },
  );

const jobs: readonly { readonly name: string; readonly build: Build; readonly plain: () => PlainJob }[] = [
  { name: 'pass-through', build: pass, plain: plainPass },
  { name: 'keyed count', build: counted, plain: plainCount },
  { name: 'tumbling, 5,000 keys', build: windowed, plain: plainWindow },
];

const hop: Comparison = {
  kind: 'comparison',
  name: 'kafka: a hop of frames/messages',
  target: 3,
  records: RECORDS,
  prepare: needBroker,
  millrace: framesHop,
  plain: messagesHop,
};

export const kafkaCases: readonly Comparison[] = [
  ...jobs.flatMap(({ name, build, plain }) => [
    compared(`kafka: ${name}`, build, (bench) => loopOnClient(bench, plain())),
    compared(`kafka: ${name}/kafkajs`, build, (bench) => loopOnKafkajs(bench, plain())),
  ]),
  hop,
];

function compared(name: string, build: Build, plain: Comparison['plain']): Comparison {
  return {
    kind: 'comparison',
    name,
    target: 0.5,
    records: RECORDS,
    async prepare(records) {
      await needBroker();
      const client = connect();
      await eventsTopic(client, records);
      client.close();
    },
    millrace: ({ records }) => run(build, records),
    plain,
  };
}

async function run(build: Build, records: number): Promise<Done> {
  const client = connect();
  const [input, out] = await Promise.all([eventsTopic(client, records), newTopic(client, 'out')]);
  const done = await runWorker(kafkaPorts(client, out.name), build(input.name, out.name));
  await client.deleteTopic(out.name);
  client.close();
  return done;
}
