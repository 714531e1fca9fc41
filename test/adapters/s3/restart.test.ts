import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { ensureBucket, S3BlobStore, s3Client } from '../../../lib/adapters/s3/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { MillraceError } from '../../../lib/model/index.ts';
import { startS3 } from '../../../scripts/services/s3.ts';
import { stopProcess } from '../../../scripts/services/service.ts';
import { skipNote } from '../../conformance/opened.ts';
import { localAws, useS3 } from '../../services/aws.ts';

const { missing } = await useS3();

describe.skipIf(missing !== undefined)(`S3 that is restarted with its data${skipNote(missing)}`, () => {
  let folder: string | undefined;
  afterAll(async () => {
    if (folder === undefined) return;
    await stopProcess(folder);
    await rm(folder, { recursive: true, force: true });
  });

  it('has every blob that was acknowledged, whole', async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-s3-'));
    const { address } = await startS3({ folder });
    const client = s3Client(localAws(address));
    await ensureBucket(client, 'blobs');
    const store = new S3BlobStore({ client, bucket: 'blobs', telemetry: recordingTelemetry() });
    const put: number[] = [];
    let stop = false;
    let next = 0;
    const work = async () => {
      while (!stop) {
        const i = next++;
        try {
          await store.put(`n/${i}`, content(i));
          put.push(i);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MillraceError);
          expect((thrown as MillraceError).retry).toBe(true);
          await sleep(50);
        }
      }
    };
    const workers = [work(), work(), work()];
    for (const patience of [0, 5_000]) {
      const before = put.length;
      await expect.poll(() => put.length, { timeout: 60_000 }).toBeGreaterThan(before + 5);
      await stopProcess(folder, patience);
      await sleep(300);
      await startS3({ folder });
    }
    const before = put.length;
    await expect.poll(() => put.length, { timeout: 60_000 }).toBeGreaterThan(before + 5);
    stop = true;
    await Promise.all(workers);
    const names = new Set(await store.list('n/'));
    for (const i of put) expect(names.has(`n/${i}`)).toBe(true);
    for (const i of put.filter((_, at) => at % 7 === 0))
      expect(Buffer.compare((await store.get(`n/${i}`))!, content(i))).toBe(0);
    for (const name of names) expect((await store.get(name))!.length).toBe(content(Number(name.slice(2))).length);
    client.destroy();
  }, 240_000);
});

const content = (i: number): Uint8Array => Buffer.alloc(1_000 + (i % 50) * 1_000, i % 251);
