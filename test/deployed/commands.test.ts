import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { deliveriesOf, type KafkaEvent } from '../../functions/kafka-event.ts';
import { KafkaClient } from '../../lib/adapters/kafka/index.ts';
import { processIn } from '../../scripts/services/service.ts';
import { ownName } from '../adapters/kafka/opened-kafka.ts';
import { skipNote } from '../conformance/opened.ts';
import { useCloud } from './deployment.ts';

const cloud = await useCloud();
const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const app = fileURLToPath(new URL('apps/any-function.ts', import.meta.url));

describe.skipIf(cloud.missing)(`millrace local${skipNote(cloud.missing)}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-local-'));
  const millrace = async (...args: readonly string[]) =>
    (await promisify(execFile)(process.execPath, [cli, 'local', ...args, '--folder', folder])).stdout;
  afterAll(async () => {
    await millrace('down');
    rmSync(folder, { recursive: true, force: true });
  });

  it('deploys any app, delivers in the background what comes to its topics, and takes all of it down again', {
    timeout: 400_000,
  }, async () => {
    const { kafka, endpoint } = cloud.running!;
    const place = ['--kafka', kafka, '--endpoint', endpoint];
    const [stack, topic, file] = [ownName('any'), ownName('any-topic'), join(folder, 'seen.jsonl')];
    const client = new KafkaClient({ brokers: [kafka] });
    await client.ensureTopic({ name: topic, partitions: 1, replicas: 1, settings: {} });
    const context = { stack, topic, file };
    await millrace(
      ...['deploy', '--app', `node "${app}"`, '--detach', ...place],
      ...Object.entries(context).flatMap(([name, value]) => ['--context', `${name}=${value}`]),
    );
    const record = { key: Uint8Array.of(107), value: Uint8Array.of(118) };
    await client.append([{ topic, partition: 0, record }]);
    const events = () =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as KafkaEvent)
        : [];
    await expect.poll(() => events().length, { timeout: 120_000 }).toBe(1);
    const [event] = events();
    expect(event).toMatchObject({ eventSource: 'SelfManagedKafka', bootstrapServers: kafka });
    expect(deliveriesOf(event!)).toMatchObject([{ topic, partition: 0, records: [{ offset: 0, ...record }] }]);
    await expect
      .poll(async () => (await client.groupOffsets(`${topic}-group`, topic, [0])).get(0)?.offset, { timeout: 60_000 })
      .toBe(1);
    client.close();
    expect(await processIn(join(folder, 'events'))).toBeTypeOf('number');
    expect(await millrace('destroy', ...place)).toBe('destroyed\n');
    expect(await processIn(join(folder, 'events'))).toBeUndefined();
    await expect(millrace('events', stack, ...place)).rejects.toThrow(`there is no stack ${stack}`);
  });

  it('says what is missing', { timeout: 120_000 }, async () => {
    await expect(millrace('events', 'some-stack')).rejects.toThrow(/nothing runs in .*millrace local up/s);
    await expect(millrace('events')).rejects.toThrow(/nothing|what to deliver/);
    await expect(millrace('deploy', 'a', '--app', 'b', '--kafka', 'k:1', '--endpoint', 'http://e')).rejects.toThrow(
      /a pipeline and an app were given/,
    );
    const place = ['--kafka', 'localhost:1', '--endpoint', 'http://localhost:1'];
    await expect(millrace('events', '--map', 'topic', ...place)).rejects.toThrow(/topic is no name=value/);
    await expect(millrace('events', 's', '--habit', 'laziness=1', ...place)).rejects.toThrow(
      /there is no habit laziness/,
    );
  });
});
