import { readFileSync } from 'node:fs';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import {
  KafkaClient,
  type KafkaClientOptions,
  type KafkaConnection,
  KafkaLog,
} from '../../../lib/adapters/kafka/index.ts';
import type { Duration } from '../../../lib/model/index.ts';
import { startKafka, stopKafka } from '../../../scripts/services/kafka.ts';
import { passwords } from '../../../scripts/services/kafka-security.ts';
import { frame } from '../../conformance/log.ts';
import { skipNote } from '../../conformance/opened.ts';
import { useOwnKafka } from '../../services/kafka.ts';
import { ownName } from './opened-kafka.ts';

const own = await useOwnKafka('kafka-own', { secure: true });
const all = { messages: 10_000, bytes: 50_000_000 };

describe.skipIf(own.missing)(`a broker of one's own${skipNote(own.missing)}`, () => {
  const clients: KafkaClient[] = [];
  const connect = (connection: KafkaConnection, options: KafkaClientOptions = {}) => {
    const client = new KafkaClient(connection, options);
    clients.push(client);
    return client;
  };
  const plain = (options: KafkaClientOptions = {}) => connect({ brokers: [own.running!.address] }, options);
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  const entry = (topic: string, partition: number, n: number) => ({ topic, partition, message: frame(n) });
  const numbersIn = async (log: KafkaLog, name: string, partition = 0): Promise<number[]> => {
    const topic = (await log.topic(name))!;
    const numbers: number[] = [];
    for (let from = 0; ; ) {
      const slice = await log.read(topic, partition, from, all);
      numbers.push(...slice.messages.map(({ message }) => (message as ReturnType<typeof frame>).causes[0]!));
      if (slice.next >= slice.end) return numbers;
      from = slice.next;
    }
  };

  describe('with security', () => {
    const secure = () => own.running!.secure!;
    const trust = () => ({ ca: readFileSync(secure().certificates.authority, 'utf8') });
    const user = (
      name: string,
      mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' = 'scram-sha-512',
    ): KafkaConnection => ({
      brokers: [secure().sasl],
      tls: trust(),
      sasl: { mechanism, username: name, password: passwords[name]! },
    });

    it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
      'works as a user who signs in by %s over TLS',
      async (mechanism) => {
        const log = new KafkaLog(connect(user('admin', mechanism)));
        const name = ownName();
        const topic = await log.ensureTopic(name, 2);
        await log.append([entry(name, 0, 1), entry(name, 1, 2)]);
        expect(await numbersIn(log, name)).toEqual([1]);
        const [found] = await log.readMany([{ topic, partition: 1, from: 0 }], all, 1_000 as Duration);
        expect(found?.messages).toHaveLength(1);
      },
    );

    it('works with a certificate of its own', async () => {
      const { client, password } = secure().certificates;
      const tls = { ...trust(), pfx: readFileSync(client), passphrase: password };
      const log = new KafkaLog(connect({ brokers: [secure().mutual], tls }));
      const name = ownName();
      await log.ensureTopic(name, 1);
      await log.append([entry(name, 0, 1)]);
      expect(await numbersIn(log, name)).toEqual([1]);
    });

    const refusals: readonly (readonly [string, () => KafkaConnection, string])[] = [
      [
        'a wrong password',
        () => ({ ...user('admin'), sasl: { mechanism: 'scram-sha-512', username: 'admin', password: 'x' } }),
        'password',
      ],
      ['a broker that it does not trust', () => ({ ...user('admin'), tls: true }), 'tls.ca'],
      [
        'a mechanism that the broker does not offer',
        () => ({ ...user('admin'), sasl: { mechanism: 'oauthbearer', token: async () => 't' } }),
        'mechanism',
      ],
    ];
    it.each(refusals)('does not try again with %s', async (_, connection, hint) => {
      const begun = performance.now();
      await expect(connect(connection()).topic('t')).rejects.toMatchObject({
        kind: 'unavailable',
        retry: false,
        hint: expect.stringContaining(hint),
      });
      expect(performance.now() - begun).toBeLessThan(10_000);
    });

    it('gives up where one side speaks TLS and the other does not', async () => {
      const tls = connect({ brokers: [own.running!.address], tls: true, connectionTimeout: 1_000 }, { patience: 500 });
      await expect(tls.topic('t')).rejects.toMatchObject({ kind: 'unavailable' });
      const noTls = connect({ brokers: [secure().sasl], connectionTimeout: 1_000 }, { patience: 500 });
      await expect(noTls.topic('t')).rejects.toMatchObject({ kind: 'unavailable' });
    });

    it('names topic and operation that a user has no right to', async () => {
      const name = ownName();
      const admin = plain();
      const { topic } = await admin.ensureTopic({
        name,
        partitions: 1,
        replicas: -1,
        settings: { 'message.timestamp.type': 'LogAppendTime' },
      });
      const guest = new KafkaLog(connect(user('guest')));
      const refused = (operation: string) => ({
        kind: 'unavailable',
        retry: false,
        message: expect.stringContaining(`${operation} ${name}`),
        hint: expect.stringContaining('grant'),
      });
      await expect(guest.topic(name)).rejects.toMatchObject({ ...refused('DESCRIBE of'), where: { topic: name } });
      const kafka = new Kafka({ brokers: [own.running!.address], logLevel: logLevel.NOTHING });
      const acls = kafka.admin();
      await acls.connect();
      await acls.createAcls({
        acl: [
          {
            resourceType: AclResourceTypes.TOPIC,
            resourceName: name,
            resourcePatternType: ResourcePatternTypes.LITERAL,
            principal: 'User:guest',
            host: '*',
            operation: AclOperationTypes.DESCRIBE,
            permissionType: AclPermissionTypes.ALLOW,
          },
        ],
      });
      await acls.disconnect();
      await expect.poll(() => guest.topic(name).catch(() => undefined)).toEqual(topic);
      await expect(guest.read(topic, 0, 0, all)).rejects.toMatchObject(refused('READ of'));
      await expect(guest.append([entry(name, 0, 1)])).rejects.toMatchObject(refused('WRITE to'));
      await expect(guest.ensureTopic(name, 2)).rejects.toMatchObject(refused('ALTER of'));
      expect(await guest.ensureTopic(name, 1)).toEqual(topic);
      await expect(guest.ensureTopic(`${name}-new`, 1)).rejects.toMatchObject({ retry: false });
    });
  });

  describe('that goes away', () => {
    const restart = async (patience?: number) => {
      await stopKafka(own.running!.options.folder, patience);
      await startKafka(own.running!.options);
    };

    it.each([
      ['stopped and started', undefined],
      ['killed and started', 0],
    ])(
      '%s amid appends and reads: nothing is lost, doubled or out of order',
      async (_, patience) => {
        const log = new KafkaLog(plain({ patience: 60_000 }));
        const name = ownName();
        const topic = await log.ensureTopic(name, 2);
        let stop = false;
        let done = false;
        let sent = 0;
        const writing = (async () => {
          while (!stop) {
            await log.append([entry(name, 0, sent), entry(name, 1, sent)]);
            sent++;
          }
          done = true;
        })();
        const read: number[] = [];
        const reading = (async () => {
          for (let from = 0; !done || read.length < sent; ) {
            const [slice] = await log
              .readMany([{ topic, partition: 0, from }], all, 200 as Duration)
              .catch((thrown: Error) => {
                expect(thrown).toMatchObject({ kind: 'unavailable', retry: true });
                return [undefined];
              });
            if (slice === undefined) continue;
            read.push(...slice.messages.map(({ message }) => (message as ReturnType<typeof frame>).causes[0]!));
            from = slice.next;
          }
        })();
        await expect.poll(() => sent, { timeout: 60_000 }).toBeGreaterThan(20);
        await restart(patience);
        const before = sent;
        await expect.poll(() => sent, { timeout: 60_000 }).toBeGreaterThan(before + 20);
        stop = true;
        await Promise.all([writing, reading]);
        const expected = Array.from({ length: sent }, (_, n) => n);
        expect(read).toEqual(expected);
        expect(await numbersIn(log, name, 1)).toEqual(expected);
      },
      240_000,
    );

    it('fails appends and reads in time while it is away, and serves again when it is back', async () => {
      const log = new KafkaLog(plain({ patience: 500 }));
      const name = ownName();
      const topic = await log.ensureTopic(name, 1);
      await log.append([entry(name, 0, 0)]);
      await stopKafka(own.running!.options.folder);
      const unavailable = { kind: 'unavailable', retry: true };
      await expect(log.append([entry(name, 0, 1)])).rejects.toMatchObject(unavailable);
      await expect(log.read(topic, 0, 0, all)).rejects.toMatchObject(unavailable);
      await expect(log.bounds(topic, 0)).rejects.toMatchObject(unavailable);
      await expect(log.readMany([{ topic, partition: 0, from: 1 }], all, 10_000 as Duration)).rejects.toMatchObject(
        unavailable,
      );
      await startKafka(own.running!.options);
      await expect.poll(() => log.bounds(topic, 0).catch(() => undefined), { timeout: 60_000 }).toBeDefined();
      await log.append([entry(name, 0, 2)]);
      expect(await numbersIn(log, name)).toEqual([0, 2]);
    }, 240_000);
  });
});
