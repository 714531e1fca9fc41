import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteTopics, ensureTopics } from '../../functions/ensure-topics.ts';
import { answer, type ResourceEvent } from '../../functions/topics-resource.ts';
import { KafkaClient } from '../../lib/adapters/kafka/index.ts';
import { skipNote } from '../conformance/opened.ts';
import { useKafka } from '../services/kafka.ts';

const kafka = await useKafka();
let made = 0;
const newName = (what: string): string => `${what}-${process.pid}-${++made}`;

describe.skipIf(kafka.missing)(`topics of a deployment, on a real broker${skipNote(kafka.missing)}`, () => {
  let client: KafkaClient;
  beforeAll(() => {
    client = new KafkaClient({ brokers: [kafka.running!.address] }, { patience: 10_000 });
  });
  afterAll(() => client?.close());

  const partitionsOf = async (name: string): Promise<number | undefined> => (await client.topic(name))?.partitions;
  const write = (topic: string): Promise<void> =>
    client.append([{ topic, partition: 0, record: { value: new TextEncoder().encode('a') } }]);
  const own = (name: string, partitions: number, like: readonly string[] = []) => ({
    own: [{ name, partitions, like }],
    outer: [],
  });

  it('are made, as the log between stages needs them, and made once', async () => {
    const name = newName('own');
    await ensureTopics(client, own(name, 3));
    await ensureTopics(client, own(name, 3));
    expect(await partitionsOf(name)).toBe(3);
    expect((await client.topicSettings(name, ['message.timestamp.type']))?.get('message.timestamp.type')).toBe(
      'LogAppendTime',
    );
  });

  it('are widened while they are untouched, and refused afterwards', async () => {
    const name = newName('own');
    await ensureTopics(client, own(name, 1));
    await ensureTopics(client, own(name, 2));
    expect(await partitionsOf(name)).toBe(2);
    await write(name);
    await expect(ensureTopics(client, own(name, 4))).rejects.toThrow(
      `${name} has 2 partitions instead of 4, and messages`,
    );
    await expect(ensureTopics(client, own(name, 1))).rejects.toThrow(`${name} has 2 partitions instead of 1`);
    expect(await partitionsOf(name)).toBe(2);
  });

  it('have as many partitions as the source that they follow', async () => {
    const [source, name] = [newName('source'), newName('own')];
    await ensureTopics(client, { own: [], outer: [{ name: source, partitions: 5, create: 5 }] });
    await ensureTopics(client, own(name, 1, [source]));
    expect(await partitionsOf(name)).toBe(5);
  });

  it('of sources must be there, with as many partitions as is said, unless they are to be made', async () => {
    const [missing, source] = [newName('source'), newName('source')];
    await ensureTopics(client, { own: [], outer: [{ name: source, create: 2 }] });
    await write(source);
    const outer = [{ name: missing }, { name: source, partitions: 3 }];
    await expect(ensureTopics(client, { own: [], outer })).rejects.toThrow(
      `topics do not fit the pipeline: ${missing} does not exist: make it, or let the deployment do it (create); ${source} has 2 partitions, and the deployment says 3`,
    );
    await ensureTopics(client, { own: [], outer: [{ name: source, partitions: 3, create: 3 }] });
    expect(await partitionsOf(source)).toBe(3);
  });

  it('are all told of that do not fit, and the rest is made', async () => {
    const [missing, name] = [newName('source'), newName('own')];
    await expect(ensureTopics(client, { ...own(name, 1), outer: [{ name: missing }] })).rejects.toThrow(missing);
    expect(await partitionsOf(name)).toBe(1);
  });

  describe('answered to CloudFormation', () => {
    let server: Server;
    let answers: Record<string, string>[] = [];
    let status = 200;
    beforeAll(async () => {
      server = createServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => (body += chunk));
        request.on('end', () => {
          answers.push(JSON.parse(body) as Record<string, string>);
          response.writeHead(status).end();
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => server.close());

    async function call(RequestType: ResourceEvent['RequestType'], name: string, Destroy = 'false') {
      answers = [];
      const event: ResourceEvent = {
        ...{ RequestType, StackId: 's', RequestId: 'r', LogicalResourceId: 'Topics' },
        ResponseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        ResourceProperties: { Topics: JSON.stringify(own(name, 2)), Destroy },
      };
      await answer(event, async () => new KafkaClient({ brokers: [kafka.running!.address] }));
      return answers[0];
    }

    it('are made with the stack and stay when it goes', async () => {
      const name = newName('own');
      expect(await call('Create', name)).toMatchObject({
        Status: 'SUCCESS',
        PhysicalResourceId: 'Topics',
        RequestId: 'r',
      });
      expect(await partitionsOf(name)).toBe(2);
      expect(await call('Delete', name)).toMatchObject({ Status: 'SUCCESS' });
      expect(await partitionsOf(name)).toBe(2);
    });

    it('go with the stack where that was asked for', async () => {
      const name = newName('own');
      await call('Create', name);
      expect(await call('Delete', name, 'true')).toMatchObject({ Status: 'SUCCESS' });
      expect(await partitionsOf(name)).toBeUndefined();
    });

    it('fail once more for Lambda to call again, where the answer is not taken', async () => {
      status = 403;
      await expect(call('Create', newName('own'))).rejects.toThrow('did not take the answer: HTTP status 403');
      status = 200;
    });

    it('fail with the reason', async () => {
      const name = newName('own');
      await ensureTopics(client, own(name, 3));
      expect(await call('Update', name)).toMatchObject({
        Status: 'FAILED',
        Reason: expect.stringContaining(`${name} has 3 partitions instead of 2, and none can be taken away`),
      });
      await deleteTopics(client, own(name, 3));
    });
  });
});
