import { describe, expect, it, onTestFinished } from 'vitest';
import { skipNote } from '../conformance/opened.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import { Workplace } from './command.ts';
import { expectedHours, salesIn, writeProject } from './orders.ts';

const [kafka, dynamoDb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = kafka.missing ?? dynamoDb.missing ?? s3.missing;

/** How a command reaches the services. */
function environment(name: string): Record<string, string> {
  const [dynamodb, blobs] = [localAws(dynamoDb.running!.address), localAws(s3.running!.address)];
  return {
    MILLRACE_KAFKA_BROKERS: kafka.running!.address,
    MILLRACE_TABLE: name,
    MILLRACE_BUCKET: name,
    MILLRACE_TOPIC_PREFIX: `${name}.`,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint as string,
    AWS_ENDPOINT_URL_S3: blobs.endpoint as string,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: dynamodb.credentials!.accessKeyId,
    AWS_SECRET_ACCESS_KEY: dynamodb.credentials!.secretAccessKey,
  };
}

describe('millrace worker', { timeout: 120_000 }, () => {
  it('says what is missing', async () => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const { code, stderr } = await place.millrace(['worker', '.', '--table', 't'], {
      env: { MILLRACE_KAFKA_BROKERS: '', MILLRACE_BUCKET: '' },
    });
    expect(code).toBe(2);
    expect(stderr).toContain('--kafka (or MILLRACE_KAFKA_BROKERS), --bucket (or MILLRACE_BUCKET)');
  });

  it('goes on trying to reach what it works with, until it is asked to end', async () => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const where = ['--kafka', '127.0.0.1:9', '--table', 't', '--bucket', 'b', '--endpoint', 'http://127.0.0.1:9'];
    const env = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' };
    const worker = place.start(['worker', '.', ...where], { env });
    await worker.prints(/the run cannot be opened yet/);
    const { code, stderr } = await worker.kill('SIGTERM');
    expect(code).toBe(0);
    expect(stderr).toContain('stopping');
  });

  it.skipIf(missing)(`works, tells how it is, ends cleanly, and is drained${skipNote(missing)}`, async () => {
    const place = new Workplace({ onTestFinished });
    writeProject(place.cwd);
    const env = environment(ownName('cli'));
    const args = ['worker', '.', '--create', '--session-timeout', '2', '--http', '0'];
    const worker = place.start(args, { env });
    await worker.prints(/metrics: http:\/\/127\.0\.0\.1:\d+/);
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(worker.text)![0];
    await expect.poll(async () => (await fetch(`${address}/ready`)).status, { timeout: 30_000 }).toBe(200);
    expect(await (await fetch(`${address}/health`)).json()).toMatchObject({ ok: true, pipeline: 'shop', pump: true });
    expect(await (await fetch(`${address}/metrics`)).text()).toContain('millrace_worker_take_over_time_count');
    const stopped = await worker.kill('SIGTERM');
    expect([stopped.code, stopped.stdout]).toEqual([0, 'stopped: others go on, and so does the next worker\n']);

    const next = place.start(args, { env });
    const drained = await place.millrace(['stop', '--drain'], { env });
    expect(drained).toMatchObject({ code: 0, stdout: 'finished: every window has closed, and all workers end\n' });
    expect(await next.ended).toMatchObject({ code: 0, stdout: 'finished: the run is over\n' });
    const { tasks } = JSON.parse((await place.millrace(['status', '--json'], { env })).stdout);
    expect(tasks.every(({ status }: { status: string }) => status === 'done')).toBe(true);
    expect(salesIn(place.cwd)).toEqual(expectedHours());
  });
});
