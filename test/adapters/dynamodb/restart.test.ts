import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { DynamoCommitStore, dynamoClient, ensureCommitTable } from '../../../lib/adapters/dynamodb/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { MillraceError } from '../../../lib/model/index.ts';
import { chainOf, expectedInSlot, slotOf } from '../../../lib/protocol/index.ts';
import { startDynamoDb } from '../../../scripts/services/dynamodb.ts';
import { stopProcess } from '../../../scripts/services/service.ts';
import { commit, header, task } from '../../conformance/commit-store.ts';
import { skipNote } from '../../conformance/opened.ts';
import { localAws, useDynamoDb } from '../../services/aws.ts';

const { missing } = await useDynamoDb();
const slots = 8;

describe.skipIf(missing !== undefined)(`DynamoDB that is restarted with its data${skipNote(missing)}`, () => {
  let folder: string | undefined;
  afterAll(async () => {
    if (folder === undefined) return;
    await stopProcess(folder);
    await rm(folder, { recursive: true, force: true });
  });

  it('loses no commit of a client at work, killed or stopped, and lets none in twice', async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-dynamodb-'));
    const { address } = await startDynamoDb({ folder });
    const client = dynamoClient(localAws(address));
    const open = () => new DynamoCommitStore({ client, table: 'commits', telemetry: recordingTelemetry() });
    await ensureCommitTable(client, 'commits');
    const store = open();
    let stop = false;
    let version = -1;
    let unknown: number | undefined;
    const work = async () => {
      while (!stop) {
        const next = version + 1;
        const covered = { snapshot: { version: Math.max(-1, next - slots + 1), name: 's', base: 0 } };
        const value = { ...commit(next), header: header(next, task, covered) };
        try {
          const outcome = await store.put('run', task, slotOf(next, slots), value, expectedInSlot(next, slots));
          // A put that nobody could tell of may land after its successor has looked.
          if (outcome === 'lost') expect(unknown).toBe(next);
          version = next;
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MillraceError);
          expect((thrown as MillraceError).retry).toBe(true);
          unknown = next;
          await sleep(50);
          const head = await open()
            .head('run', task)
            .catch(() => undefined);
          if (head !== undefined) expect([version, next]).toContain(head.version);
          version = head?.version ?? version;
        }
      }
    };
    const worker = work();
    for (const patience of [0, 5_000]) {
      const before = version;
      await expect.poll(() => version, { timeout: 60_000 }).toBeGreaterThan(before + 5);
      await stopProcess(folder, patience);
      await sleep(300);
      await startDynamoDb({ folder });
    }
    const before = version;
    await expect.poll(() => version, { timeout: 60_000 }).toBeGreaterThan(before + 5);
    stop = true;
    await worker;
    const found = chainOf(await open().slots('run', task));
    expect(found).toMatchObject({ kind: 'complete', newest: { header: { version } } });
    client.destroy();
  }, 240_000);
});
