import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DeleteTableCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from 'vitest';
import { DynamoCommitStore, dynamoClient, ensureCommitTable } from '../../../lib/adapters/dynamodb/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import type { AwsConnection } from '../../../lib/aws/index.ts';
import type { Duration } from '../../../lib/model/index.ts';
import { type Commit, dataToJson, expectedInSlot, slotOf } from '../../../lib/protocol/index.ts';
import { commit, header, task } from '../../conformance/commit-store.ts';
import { skipNote } from '../../conformance/opened.ts';
import { localAws, ownName, useDynamoDb } from '../../services/aws.ts';
import { attemptsMade, loseAnswers, loseRequests, refuse } from '../../services/aws-faults.ts';
import { createTable } from './tables.ts';

const { running, missing } = await useDynamoDb();
const slots = 4;
const RUN = 'run-1';
const KB = 1_024;

describe.skipIf(missing !== undefined)(`DynamoCommitStore${skipNote(missing)}`, () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  function storeOf(table: string, connection: AwsConnection = {}, maxInlineBytes = 64_000) {
    const client = dynamoClient({ ...localAws(running!.address), ...connection });
    closing.push(() => client.destroy());
    const telemetry = recordingTelemetry();
    return { client, telemetry, table, store: new DynamoCommitStore({ client, table, telemetry, maxInlineBytes }) };
  }

  async function newStore(connection?: AwsConnection, maxInlineBytes?: number) {
    const opened = storeOf(ownName('commits'), connection, maxInlineBytes);
    await ensureCommitTable(opened.client, opened.table);
    return opened;
  }

  const put = (store: DynamoCommitStore, version: number, bytes?: readonly number[]) =>
    store.put(RUN, task, slotOf(version, slots), commit(version, bytes), expectedInSlot(version, slots));
  const bodies = async (store: DynamoCommitStore) =>
    (await store.slots(RUN, task)).map(({ body }) => (body.kind === 'inline' ? [...body.bytes()] : body));

  describe('a put whose answer is lost', () => {
    it('is committed if the attempt after it finds its own commit', async () => {
      const { store, client, telemetry } = await newStore();
      for (let version = 0; version < 5; version++) {
        loseAnswers(client, 1, 'PutItem');
        expect(await put(store, version)).toBe('committed');
      }
      expect((await store.head(RUN, task))?.version).toBe(4);
      expect(telemetry.counter('millrace.dynamodb.retries', { operation: 'put' })).toBe(5);
    });

    it("is lost if the attempt after it finds another writer's commit", async () => {
      const { store, client, table } = await newStore();
      const other = storeOf(table).store;
      loseRequests(client, 1, 'PutItem', () => put(other, 0, [9]));
      expect(await put(store, 0, [1])).toBe('lost');
      expect(await bodies(store)).toEqual([[9]]);
    });

    it('is not mistaken for a commit of the same content by another writer', async () => {
      const { store, client, table } = await newStore();
      const other = storeOf(table).store;
      loseRequests(client, 1, 'PutItem', () => put(other, 0, [1]));
      expect(await put(store, 0, [1])).toBe('lost');
    });

    it('is unknown if its slot has been used again meanwhile', async () => {
      const { store, client, table } = await newStore();
      const other = storeOf(table).store;
      loseAnswers(client, 1, 'PutItem', async () => {
        for (let version = 1; version <= slots; version++) await put(other, version);
      });
      await expect(put(store, 0)).rejects.toMatchObject({ kind: 'unavailable', message: /nobody knows/ });
    });

    it('is unknown if no attempt is answered', async () => {
      const { store, client } = await newStore({ attempts: 2 });
      loseAnswers(client, 2, 'PutItem');
      await expect(put(store, 0)).rejects.toMatchObject({ kind: 'unavailable', retry: true });
      expect((await store.head(RUN, task))?.version).toBe(0);
    });

    it('tells the creator of a record that it is', async () => {
      const { store, client } = await newStore();
      loseAnswers(client, 1, 'PutItem');
      expect(await store.createRecord('p', 'code/1', 1)).toBe('created');
      expect(await store.createRecord('p', 'code/1', 1)).toBe('exists');
    });
  });

  describe('a service in trouble', () => {
    it.each([
      ['ThrottlingException', 400],
      ['ProvisionedThroughputExceededException', 400],
      ['RequestLimitExceeded', 400],
      ['InternalServerError', 500],
      ['ServiceUnavailable', 503],
    ])('is asked again after %s', async (name, status) => {
      const { store, client } = await newStore();
      refuse(client, 1, name, status);
      expect(await put(store, 0)).toBe('committed');
      refuse(client, 1, name, status);
      expect((await store.head(RUN, task))?.version).toBe(0);
    });

    it('is unavailable, to be tried again later, if it throttles on and on', async () => {
      const { store, client, telemetry } = await newStore({ attempts: 2 });
      refuse(client, 99, 'ThrottlingException', 400);
      await expect(put(store, 0)).rejects.toMatchObject({
        kind: 'unavailable',
        retry: true,
        message: /throttled, 2 attempts/,
        hint: /limits/,
      });
      expect(telemetry.counter('millrace.dynamodb.retries')).toBe(1);
    });

    it('is unavailable if it accepts connections and never answers', async () => {
      const server = await silentServer();
      closing.push(() => server.close());
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { store } = storeOf('t', { endpoint, attempts: 2, requestTimeout: 50 as Duration });
      const before = performance.now();
      await expect(store.slots(RUN, task)).rejects.toMatchObject({ kind: 'unavailable', retry: true });
      expect(performance.now() - before).toBeLessThan(5_000);
    });

    it('is unavailable if nothing listens there', async () => {
      const { store } = storeOf('t', { endpoint: 'http://127.0.0.1:1', attempts: 2 });
      await expect(put(store, 0)).rejects.toMatchObject({ kind: 'unavailable', retry: true, message: /table t/ });
    });
  });

  describe('settings that are wrong', () => {
    it('are named where there is no such table', async () => {
      const { store } = storeOf('no-such-table', { region: 'eu-north-1' });
      for (const call of [
        () => put(store, 0),
        () => store.slots(RUN, task),
        () => store.head(RUN, task),
        () => store.records('p', ''),
      ]) {
        await expect(call()).rejects.toMatchObject({
          kind: 'unavailable',
          retry: false,
          message: 'there is no table no-such-table in region eu-north-1',
          hint: /region/,
        });
      }
    });

    it('are named where the table has other keys', async () => {
      const table = ownName('other-keys');
      const { client, store } = storeOf(table);
      await createTable(client, table, ['id', 'S']);
      for (const call of [() => put(store, 0), () => store.slots(RUN, task)]) {
        await expect(call()).rejects.toMatchObject({ kind: 'unavailable', retry: false, hint: /"pk".*"sk"/ });
      }
      await expect(ensureCommitTable(client, table)).rejects.toMatchObject({ message: /HASH id/ });
    });

    it('are named where the keys are of another type', async () => {
      const table = ownName('number-keys');
      const { client, store } = storeOf(table);
      await createTable(client, table, ['pk', 'S'], ['sk', 'N']);
      for (const call of [() => put(store, 0), () => store.slots(RUN, task)]) {
        await expect(call()).rejects.toMatchObject({ kind: 'unavailable', retry: false, hint: /"pk".*"sk"/ });
      }
    });

    it.each([
      ['AccessDeniedException', 400, /access is denied/, /dynamodb:PutItem/, false],
      ['ExpiredTokenException', 400, /expired/, /renew/, true],
      ['UnrecognizedClientException', 400, /refused/, /renew/, false],
      ['InvalidSignatureException', 400, /refused/, /renew/, false],
      ['CredentialsProviderError', 0, /no credentials/, /AWS_PROFILE/, false],
    ] as const)('are named after %s', async (name, status, message, hint, retry) => {
      const { store, client } = await newStore({ attempts: 1 });
      refuse(client, 9, name, status);
      await expect(put(store, 0)).rejects.toMatchObject({ kind: 'unavailable', message, hint, retry });
    });

    it('are no settings: without a region nothing is tried', async () => {
      const before = process.env['AWS_REGION'];
      delete process.env['AWS_REGION'];
      closing.push(() => {
        if (before !== undefined) process.env['AWS_REGION'] = before;
      });
      const { endpoint, credentials } = localAws(running!.address);
      const client = dynamoClient({ endpoint: endpoint!, credentials: credentials! });
      const store = new DynamoCommitStore({ client, table: 't', telemetry: recordingTelemetry() });
      await expect(store.records('p', '')).rejects.toMatchObject({ message: /no region/, hint: /AWS_REGION/ });
    });
  });

  describe('the size of an item', () => {
    const sized = (bytes: number): Commit => ({
      header: header(0),
      body: { kind: 'inline', bytes: () => new Uint8Array(bytes) },
    });
    /** Attribute names and values: see "DynamoDB item sizes and formats" in its developer guide. */
    const room = (): number => {
      const key = `task/${RUN}/${encodeURIComponent(task.stage)}/${task.partition}`;
      const names = ['pk', 'sk', 'version', 'header', 'body', 'nonce'].join('');
      const text = Buffer.byteLength(`${key}slot/000000${dataToJson(header(0))}`);
      const [version, nonce] = [1, 12];
      return 400 * KB - names.length - text - version - nonce;
    };

    it('may be all that DynamoDB takes, and not a byte more', async () => {
      const { store } = await newStore();
      const most = room();
      expect(await store.put(RUN, task, 0, sized(most), 'absent')).toBe('committed');
      const [found] = await store.slots(RUN, task);
      expect(found!.body.kind === 'inline' && found!.body.bytes().length).toBe(most);
      await expect(store.put(RUN, task, 1, sized(most + 1), 'absent')).rejects.toMatchObject({
        kind: 'internal',
        retry: false,
        message: /too large for an item/,
        hint: /inlineBytes/,
      });
    });

    it('holds the largest body announced beside the largest header allowed for', async () => {
      const { store } = await newStore({}, 1e9);
      expect(store.maxInlineBytes).toBe(300_000);
      const large: Commit = {
        header: header(0, task, { heldBy: 'x'.repeat(100_000 - dataToJson(header(0)).length) }),
        body: { kind: 'inline', bytes: () => new Uint8Array(store.maxInlineBytes) },
      };
      expect(await store.put(RUN, task, 0, large, 'absent')).toBe('committed');
      expect(await store.head(RUN, task)).toEqual(large.header);
    });

    it('lets slots take many pages', async () => {
      const { store, client } = await newStore();
      for (let slot = 0; slot < 8; slot++) {
        const large: Commit = { ...sized(300 * KB), header: header(slot) };
        expect(await store.put(RUN, task, slot, large, 'absent')).toBe('committed');
      }
      const made = attemptsMade(client);
      expect((await store.slots(RUN, task)).map(({ header }) => header.version)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(made.length).toBeGreaterThan(1);
      expect((await store.head(RUN, task))?.version).toBe(7);
    });
  });

  describe('what it costs', () => {
    it('is one item read for a task at rest, whose version is known; two while its ring is not full', async () => {
      const { store, client } = await newStore();
      for (let version = 0; version < 11; version++) {
        await put(store, version);
        await store.head(RUN, task);
        const made = attemptsMade(client);
        expect((await store.head(RUN, task, { version, slots }))?.version).toBe(version);
        expect(made).toEqual(version + 1 < slots ? ['GetItem', 'GetItem'] : ['GetItem']);
      }
    });

    it('is few items also where many commits came, and finds the newest of any number', async () => {
      const many = 32;
      const { store, client, table } = await newStore();
      const other = storeOf(table).store;
      const made = attemptsMade(client);
      let version = -1;
      for (const more of [1, 1, 2, 3, 5, 8, 13, 20, 31, 32, 33, 40]) {
        const known = version;
        for (let i = 0; i < more; i++) {
          version++;
          const slot = slotOf(version, many);
          await other.put(RUN, task, slot, commit(version), expectedInSlot(version, many));
        }
        made.length = 0;
        const seen = known < 0 ? undefined : { version: known, slots: many };
        expect(await store.head(RUN, task, seen)).toEqual(header(version));
        if (seen !== undefined && more < many) {
          expect(made).not.toContain('Query');
          expect(made.length).toBeLessThanOrEqual(10);
        }
      }
    });

    it('is an item for each commit since, as long as they are few', async () => {
      const { store, client, table } = await newStore();
      const other = storeOf(table).store;
      for (let version = 0; version < 6; version++) await put(other, version);
      await store.head(RUN, task);
      await put(other, 6);
      await put(other, 7);
      const made = attemptsMade(client);
      expect(await store.head(RUN, task, { version: 5, slots })).toEqual(header(7));
      expect(made).toEqual(['GetItem', 'GetItem', 'GetItem']);
    });

    it('is one item read for a task whose commits are its own, and less is known', async () => {
      const { store, client } = await newStore();
      for (let version = 0; version < 7; version++) await put(store, version);
      const made = attemptsMade(client);
      expect(await store.head(RUN, task, { version: 3, slots })).toEqual(header(6));
      expect(made).toEqual(['GetItem']);
    });

    it('is told in capacity units by operation', async () => {
      const { store, telemetry, table } = await newStore();
      await put(store, 0, new Array(3 * KB).fill(1));
      await store.slots(RUN, task);
      await store.createRecord('p', 'run/1', {});
      expect(telemetry.counter('millrace.dynamodb.write_units', { table, operation: 'put' })).toBe(4);
      expect(telemetry.counter('millrace.dynamodb.read_units', { table, operation: 'slots' })).toBe(1);
      expect(telemetry.counter('millrace.dynamodb.write_units', { operation: 'create' })).toBe(1);
    });
  });

  it('notices that the table was emptied, even where a version is known', async () => {
    const { store, client, table } = await newStore();
    for (let version = 0; version < 6; version++) await put(store, version);
    await store.head(RUN, task);
    await client.send(new DeleteTableCommand({ TableName: table }));
    await ensureCommitTable(client, table);
    expect(await store.head(RUN, task, { version: 5, slots })).toBeUndefined();
    expect(await put(store, 6)).toBe('lost');
  });

  it('notices that the table was emptied before the ring of a task was full', async () => {
    const { store, client, table } = await newStore();
    for (let version = 0; version < 2; version++) await put(store, version);
    await store.head(RUN, task);
    await client.send(new DeleteTableCommand({ TableName: table }));
    await ensureCommitTable(client, table);
    expect(await store.head(RUN, task, { version: 1, slots })).toBeUndefined();
  });

  it('says data-lost where an item is not what it wrote', async () => {
    const { store, client, table } = await newStore();
    const key = { pk: { S: 'pipeline/p' }, sk: { S: 'record/code/1' } };
    await client.send(new PutItemCommand({ TableName: table, Item: { ...key, value: { S: '{' } } }));
    await expect(store.records('p', '')).rejects.toMatchObject({ kind: 'data-lost', hint: /backup/ });
  });
});

function silentServer(): Promise<Server> {
  const server = createServer(() => undefined);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
