import { describe, expect, it, onTestFinished } from 'vitest';
import { json } from '../../lib/adapters/formats/index.ts';
import { KafkaClient, kafka } from '../../lib/adapters/kafka/index.ts';
import { systemClock } from '../../lib/adapters/system/index.ts';
import { ownName } from '../adapters/kafka/opened-kafka.ts';
import { skipNote } from '../conformance/opened.ts';
import { useKafka } from '../services/kafka.ts';
import { Workplace } from './command.ts';
import { expectedHours, type Hour, writeProject } from './orders.ts';

const broker = await useKafka();

describe.skipIf(broker.missing)(`millrace run${skipNote(broker.missing)}`, { timeout: 60_000 }, () => {
  it('writes to a topic that is bound to a sink, and says what is missing without a cluster', async () => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const topic = ownName('sales');
    const client = new KafkaClient({ brokers: [broker.running!.address] });
    onTestFinished(() => client.close());
    await client.ensureTopic({ name: topic, partitions: 1, replicas: 1, settings: { 'retention.ms': '-1' } });
    const bound = ['run', '.', '--bind', `sales=kafka:${topic}`];
    const refused = await place.millrace(bound, { env: { MILLRACE_KAFKA_BROKERS: '' } });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('the host is not connected to kafka');
    const done = await place.millrace([...bound, '--kafka', broker.running!.address]);
    expect(done).toMatchObject({ code: 0 });
    const log = await kafka({ topic, format: json() }).open({
      ...{ source: 'sales', spool: undefined, connections: new Map([['kafka', client]]), clock: systemClock },
      signal: new AbortController().signal,
    });
    const seen: Hour[] = [];
    for (let from = 0, next = -1; next !== from; ) {
      from = Math.max(from, next);
      const slice = await log.read(0, from, 10_000, undefined);
      seen.push(...(slice.values as Hour[]));
      next = slice.next;
    }
    const order = (a: Hour, b: Hour): number => (a.hour + a.product < b.hour + b.product ? -1 : 1);
    expect(seen.sort(order)).toEqual(expectedHours().sort(order));
  });
});
