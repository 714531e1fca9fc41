/** The bundled worker of one stage beside a function of the other, on a real broker, DynamoDB Local and an S3 gateway. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { variables } from '../../functions/settings.ts';
import { skipNote } from '../conformance/opened.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import { deployedFunctions } from './deployed-functions.ts';

const [kafka, dynamodb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = kafka.missing ?? dynamodb.missing ?? s3.missing;

describe.skipIf(missing)(`a worker beside functions${skipNote(missing)}`, { timeout: 120_000 }, () => {
  it('runs its stage alone, is not rung, and ends cleanly when it is asked to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-test-worker-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { client, input, output, rung, start, environment } = await deployedFunctions({
      ...{ folder, name: ownName('sums'), broker: kafka.running!.address },
      ...{ dynamodb: localAws(dynamodb.running!.address), s3: localAws(s3.running!.address) },
      defer: (end) => onTestFinished(async () => void (await end())),
    });
    const split = { [variables.functions]: 'amounts:1,', [variables.workerStages]: 'sum' };
    const controller = await start(undefined, split);
    expect((await controller.call({}, 8_000)).error).toBeUndefined();

    const worker = spawn(process.execPath, ['worker.mjs'], {
      cwd: folder,
      env: { ...environment, ...split },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void worker.kill('SIGKILL'));
    let said = '';
    for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (chunk: Buffer) => (said += String(chunk)));
    const ended = new Promise<number | null>((resolve) => worker.on('exit', resolve));

    await client.append(
      Array.from({ length: 40 }, (_, i) => {
        const value = Buffer.from(JSON.stringify({ key: `k${i % 4}`, n: i }));
        return { topic: input, partition: i % 2, record: { key: undefined, value, headers: [], time: undefined } };
      }),
    );
    const amounts = await start('amounts', split);
    const ring = [0, 1].map((partition) => ({ partition, reason: 'backlog' }));
    expect((await amounts.call({ ring })).error).toBeUndefined();

    const topic = (await client.topic(output))!;
    let results = 0;
    for (let waited = 0; results < 40 && waited < 60_000; waited += 200) {
      await sleep(200);
      const slices = await Promise.all(
        [0, 1].map((partition) => client.read({ topic, partition, from: 0 }, { bytes: 1e6, committedOnly: true })),
      );
      results = slices.reduce((sum, { records }) => sum + records.length, 0);
    }
    expect(results, said).toBe(40);
    expect((await controller.call({}, 8_000)).error).toBeUndefined();
    expect(rung.filter(({ stage }) => stage !== 'amounts')).toEqual([]);
    worker.kill('SIGTERM');
    expect(await ended, said).toBe(0);
    expect(said).toContain('the worker has ended: stopped');
  });
});
