import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type DynamoTableOptions,
  dynamoClient,
  dynamoTable,
  ensureCommitTable,
  tableWatermark,
} from '../../../lib/adapters/dynamodb/index.ts';
import { ManualClock } from '../../../lib/adapters/simulated/index.ts';
import { runEmbedded } from '../../../lib/embedded/index.ts';
import { collection, count, epochMillis, pipeline, seconds, tumbling } from '../../../lib/index.ts';
import { keyIdOf, MAX_TIME, MIN_TIME } from '../../../lib/model/index.ts';
import type { SinkBatch, SinkHost } from '../../../lib/ports/index.ts';
import { skipNote } from '../../conformance/opened.ts';
import { localAws, ownName, useDynamoDb } from '../../services/aws.ts';
import { loseAnswers, meddle, serviceError } from '../../services/aws-faults.ts';
import { createTable } from './tables.ts';

const { running, missing } = await useDynamoDb();

/** A change of one key: at which offset, as which of that message's results, to what. */
type Row = readonly [cause: number, value: unknown, k?: number, key?: unknown];

const batch = (rows: readonly Row[], upTo: number, watermark?: number): SinkBatch => ({
  values: rows.map(([, value]) => value),
  times: rows.map(([cause]) => cause),
  keys: rows.map(([, , , key]) => (key === undefined ? undefined : keyIdOf(key))),
  causes: rows.map(([cause]) => cause),
  ks: rows.map(([, , k]) => k ?? 0),
  upTo,
  ...(watermark === undefined ? {} : { watermark }),
});

describe.skipIf(missing !== undefined)(`dynamoTable${skipNote(missing)}`, () => {
  const client = running === undefined ? undefined : dynamoClient(localAws(running.address));
  afterAll(() => client?.destroy());

  async function newTable(...keys: readonly [name: string, type: 'S' | 'N'][]): Promise<string> {
    const table = ownName('view');
    await createTable(client!, table, ...keys);
    return table;
  }

  const writer = (options: DynamoTableOptions, host: Partial<SinkHost> = {}, by: DynamoDBClient = client!) =>
    dynamoTable(options).open(
      {
        ...{ sink: 'view', pipeline: 'p', run: 'r', task: 0, tasks: 1, durable: true, clock: new ManualClock() },
        connections: new Map([['dynamodb', by]]),
        signal: new AbortController().signal,
        ...host,
      },
      undefined,
    );
  /** Items without what says where they come from. */
  const items = async (table: string) => {
    const { Items = [] } = await client!.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
    return Items.map(({ _millrace, ...item }) => item);
  };
  const cells = async (table: string) => (await items(table)).map(({ id, n }) => `${id!.S} ${n?.N}`).sort();
  const row = (id: string, n: number) => ({ id, n });

  it('has ended all that it had begun when it fails: another attempt may follow at once', async () => {
    const table = await newTable(['id', 'S']);
    const own = dynamoClient({ ...localAws(running!.address), attempts: 1 });
    let underWay = 0;
    let made = 0;
    meddle(own, async ({ send }) => {
      underWay++;
      try {
        if (++made === 4) throw serviceError('AccessDeniedException', 400);
        await new Promise((resolve) => setTimeout(resolve, 30));
        return await send();
      } finally {
        underWay--;
      }
    });
    const view = await writer({ table, key: 'id' }, {}, own);
    const rows = Array.from({ length: 200 }, (_, n): Row => [n, row(`k${n}`, n)]);
    await expect(view.write(batch(rows, 200))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(underWay).toBe(0);
    expect(made).toBeLessThan(40);
    own.destroy();
  });

  it('holds the last record of each key', async () => {
    const table = await newTable(['id', 'S']);
    const view = await writer({ table, key: 'id' });
    await view.write(
      batch(
        [
          [0, row('a', 1)],
          [1, row('b', 2)],
          [2, row('a', 3)],
          [2, row('c', 4), 1],
        ],
        3,
      ),
    );
    expect(await cells(table)).toEqual(['a 3', 'b 2', 'c 4']);
    await view.write(batch([[3, row('b', 5)]], 4));
    expect(await cells(table)).toEqual(['a 3', 'b 5', 'c 4']);
  });

  it('deletes what becomes null or undefined, known by the key of the stream', async () => {
    const table = await newTable(['id', 'S']);
    const view = await writer({ table, key: 'id' });
    await view.write(
      batch(
        [
          [0, row('a', 1)],
          [1, row('b', 1)],
          [2, row('c', 1)],
          [3, null, 0, 'c'],
        ],
        4,
      ),
    );
    expect(await cells(table)).toEqual(['a 1', 'b 1']);
    await view.write(
      batch(
        [
          [4, null, 0, 'a'],
          [5, undefined, 0, { id: 'b' }],
          [6, null, 0, 'never there'],
        ],
        7,
      ),
    );
    expect(await cells(table)).toEqual([]);
  });

  it('has attributes that any client reads', async () => {
    const table = await newTable(['id', 'S'], ['at', 'N']);
    const view = await writer({ table, key: ['id', 'at'] });
    const value = {
      ...{ at: -5, text: 'é', yes: true, nothing: null, absent: undefined, big: 2n ** 70n, bytes: Uint8Array.of(1, 2) },
      ...{ when: new Date(0), list: [1, 'x', [null]], nested: { deep: { er: 0.1 } }, empty: '' },
    };
    await view.write(batch([[0, value, 0, 'key']], 1));
    expect(await items(table)).toEqual([
      {
        ...{ id: { S: 'key' }, at: { N: '-5' }, text: { S: 'é' }, yes: { BOOL: true }, nothing: { NULL: true } },
        ...{ big: { N: '1180591620717411303424' }, bytes: { B: Uint8Array.of(1, 2) }, empty: { S: '' } },
        ...{ when: { S: '1970-01-01T00:00:00.000Z' }, list: { L: [{ N: '1' }, { S: 'x' }, { L: [{ NULL: true }] }] } },
        nested: { M: { deep: { M: { er: { N: '0.1' } } } } },
      },
    ]);
  });

  it.each([
    ['what is no record', 'text'],
    ['NaN', { id: 'a', x: { y: Number.NaN } }],
    ['a number beyond all', { id: 'a', x: 1e300 }],
    ['a function', { id: 'a', x: () => 1 }],
    ['an object of a class', { id: 'a', x: new Map() }],
    ['a record without its key', { n: 1 }],
    ['a record too large', { id: 'a', x: 'x'.repeat(410_000) }],
  ])('refuses %s as a bad record', async (_, value) => {
    const table = await newTable(['id', 'S']);
    await expect((await writer({ table, key: 'id' })).write(batch([[0, value]], 1))).rejects.toMatchObject({
      kind: 'bad-record',
      hint: expect.any(String),
    });
  });

  it('is not changed by older records, whoever writes them', async () => {
    const table = await newTable(['id', 'S']);
    const [zombie, view] = [await writer({ table, key: 'id' }), await writer({ table, key: 'id' })];
    await view.write(
      batch(
        [
          [5, row('a', 5)],
          [6, row('b', 6), 1],
          [7, row('c', 7)],
        ],
        8,
      ),
    );
    await zombie.write(
      batch(
        [
          [4, row('a', 4)],
          [6, row('b', 0), 0],
          [7, null, 0, 'c'],
        ],
        8,
      ),
    );
    expect(await cells(table)).toEqual(['a 5', 'b 6']);
    await zombie.write(batch([[2, null, 0, 'a']], 3));
    expect(await cells(table)).toEqual(['a 5', 'b 6']);
  });

  it('takes the same again, and what another run or task says', async () => {
    const table = await newTable(['id', 'S']);
    const view = await writer({ table, key: 'id' });
    await view.write(batch([[5, row('a', 5)]], 6));
    await view.write(batch([[5, row('a', 50)]], 6));
    expect(await cells(table)).toEqual(['a 50']);
    await (await writer({ table, key: 'id' }, { run: 'r2' })).write(batch([[1, row('a', 1)]], 2));
    expect(await cells(table)).toEqual(['a 1']);
    await (await writer({ table, key: 'id' }, { run: 'r2', task: 1 })).write(batch([[0, row('a', 2)]], 1));
    expect(await cells(table)).toEqual(['a 2']);
  });

  it('is right where answers are lost', async () => {
    const table = await newTable(['id', 'S']);
    const losing = dynamoClient(localAws(running!.address));
    loseAnswers(losing, 2, 'PutItem');
    loseAnswers(losing, 1, 'DeleteItem');
    const view = await writer({ table, key: 'id' }, {}, losing);
    await view.write(
      batch(
        [
          [0, row('a', 1)],
          [1, row('b', 1)],
          [2, null, 0, 'c'],
        ],
        3,
      ),
    );
    expect(await cells(table)).toEqual(['a 1', 'b 1']);
    losing.destroy();
  });

  it('names what is wrong with the table', async () => {
    const table = await newTable(['name', 'S']);
    const write = async (table: string) => (await writer({ table, key: 'id' })).write(batch([[0, row('a', 1)]], 1));
    await expect(write(table)).rejects.toMatchObject({ kind: 'unavailable', retry: false, hint: /"id" alone/ });
    await expect(write('no-such')).rejects.toMatchObject({ message: /there is no table no-such/ });
  });

  describe('its watermark', () => {
    async function progress() {
      const [table, progress] = [await newTable(['id', 'S']), ownName('progress')];
      await ensureCommitTable(client!, progress);
      const of = (task: number, run = 'r') => writer({ table, key: 'id', progress }, { task, tasks: 2, run });
      const watermark = () => tableWatermark({ client: client!, progress, pipeline: 'p', sink: 'view' });
      return { of, watermark };
    }

    it('is the least of all its tasks', async () => {
      const { of, watermark } = await progress();
      const [first, second] = [await of(0), await of(1)];
      expect(await watermark()).toBeUndefined();
      await first.write(batch([[0, row('a', 1)]], 1, 1_000));
      expect(await watermark()).toBeUndefined();
      await second.write(batch([[0, row('b', 1)]], 1, MIN_TIME));
      expect(await watermark()).toBeUndefined();
      await second.write(batch([[1, row('b', 2)]], 2, 500));
      expect(await watermark()).toBe(500);
      await second.write(batch([[2, row('b', 3)]], 3, MAX_TIME));
      expect(await watermark()).toBe(1_000);
      await first.write(batch([[1, row('a', 2)]], 2, MAX_TIME));
      expect(await watermark()).toBe(MAX_TIME);
    });

    it('is not set back by a writer of the past, but by a new run', async () => {
      const { of, watermark } = await progress();
      await (await of(1)).write(batch([[9, row('b', 9)]], 10, 9_000));
      await (await of(0)).write(batch([[9, row('a', 9)]], 10, 8_000));
      await (await of(0)).write(batch([[1, row('a', 1)]], 2, 2_000));
      expect(await watermark()).toBe(8_000);
      await (await of(0, 'r2')).write(batch([[1, row('a', 1)]], 2, 2_000));
      expect(await watermark()).toBe(2_000);
    });
  });

  it('is the view of a pipeline, with the end said at its end', async () => {
    const [table, progress] = [await newTable(['key', 'S'], ['start', 'N']), ownName('progress')];
    await ensureCommitTable(client!, progress);
    const rows = Array.from({ length: 40 }, (_, i) => ({ at: i * 100, name: i % 3 === 0 ? 'x' : 'y' }));
    const counting = pipeline('counting', (p) => {
      p.source('in', collection(rows), { eventTime: (r) => epochMillis(r.at) })
        .keyBy('name', (r) => r.name)
        .window(tumbling(seconds(1)))
        .aggregate('counts', { n: count() }, (key, { start }, { n }) => ({ key, start: start as number, n }))
        .to('view', dynamoTable({ table, key: ['key', 'start'], progress }));
    });
    await runEmbedded(counting, { connections: { dynamodb: client! } });
    const found = (await items(table)).map(({ key, start, n }) => `${key!.S} ${start!.N} ${n!.N}`);
    expect(found.sort()).toEqual(
      ['x 0 4', 'x 1000 3', 'x 2000 3', 'x 3000 4', 'y 0 6', 'y 1000 7', 'y 2000 7', 'y 3000 6'].sort(),
    );
    const watermark = await tableWatermark({ client: client!, progress, pipeline: 'counting', sink: 'view' });
    expect([undefined, MAX_TIME]).toContain(watermark);
  });
});
