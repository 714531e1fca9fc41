import { afterAll, describe, expect, it } from 'vitest';
import { DynamoLease, dynamoClient, ensureCommitTable } from '../../lib/adapters/dynamodb/index.ts';
import { MemoryLease } from '../../lib/adapters/memory/index.ts';
import type { WallTime } from '../../lib/model/index.ts';
import type { Lease } from '../../lib/ports/index.ts';
import { localAws, ownName, useDynamoDb } from '../services/aws.ts';
import { loseAnswers, refuse } from '../services/aws-faults.ts';
import { skipNote } from './opened.ts';

const { running, missing } = await useDynamoDb();
const at = (time: number): WallTime => time as WallTime;

function conforms(open: () => Promise<Lease>): void {
  it('is had by one holder until its time is over', async () => {
    const lease = await open();
    expect(await lease.take('a', at(0), at(100))).toBe(true);
    expect(await lease.take('b', at(99), at(200))).toBe(false);
    expect(await lease.take('b', at(100), at(200))).toBe(true);
    expect(await lease.take('a', at(150), at(300))).toBe(false);
  });

  it('is kept longer by its holder, and given back by nobody else', async () => {
    const lease = await open();
    await lease.take('a', at(0), at(100));
    expect(await lease.take('a', at(50), at(300))).toBe(true);
    await lease.give('b');
    expect(await lease.take('b', at(200), at(400))).toBe(false);
    await lease.give('a');
    expect(await lease.take('b', at(200), at(400))).toBe(true);
    await lease.give('a');
    expect(await lease.take('c', at(300), at(400))).toBe(false);
  });

  it('is taken by one of many who try at once', async () => {
    const lease = await open();
    const taken = await Promise.all(Array.from({ length: 20 }, (_, i) => lease.take(`h${i}`, at(0), at(100))));
    expect(taken.filter((each) => each)).toHaveLength(1);
  });
}

describe('a lease in memory', () => conforms(async () => new MemoryLease()));

describe.skipIf(missing !== undefined)(`a lease in DynamoDB${skipNote(missing)}`, () => {
  const client = missing === undefined ? dynamoClient(localAws(running!.address)) : dynamoClient();
  afterAll(() => client.destroy());
  const table = ownName('leases');
  const open = async (): Promise<Lease> => {
    await ensureCommitTable(client, table);
    return new DynamoLease({ client, table, pipeline: ownName('p'), name: 'controller' });
  };
  conforms(open);

  it('is its holder’s where the answer was lost', async () => {
    const lease = await open();
    loseAnswers(client, 1, 'PutItem');
    expect(await lease.take('a', at(0), at(100))).toBe(true);
  });

  it('says what is denied', async () => {
    const lease = await open();
    refuse(client, 1, 'AccessDeniedException', 400);
    await expect(lease.take('a', at(0), at(100))).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(table),
      hint: expect.stringContaining('dynamodb:'),
    });
  });
});
