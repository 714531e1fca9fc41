import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { jsonl } from '../../lib/adapters/files/index.ts';
import { recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import {
  boundedOutOfOrderness,
  count,
  type Duration,
  epochMillis,
  milliseconds,
  pipeline,
  tumbling,
} from '../../lib/index.ts';
import { type OpenWorker, openWorker, type WorkerOptions } from '../../lib/worker/index.ts';
import { skipNote } from '../conformance/opened.ts';
import { ledger } from '../hosts/worker/cluster.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';

const [kafka, dynamoDb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = kafka.missing ?? dynamoDb.missing ?? s3.missing;

interface Row {
  readonly key: string;
  readonly at: number;
}

interface Counted {
  readonly key: string;
  readonly n: number;
  readonly windowEnd: number;
}

const optionsOf = (name: string): WorkerOptions => ({
  kafka: { brokers: [kafka.running!.address] },
  table: name,
  bucket: name,
  dynamodb: localAws(dynamoDb.running!.address),
  s3: localAws(s3.running!.address),
  create: true,
  log: { topicPrefix: `${name}.` },
  sessionTimeout: 2_000,
  heartbeatPeriod: 50,
  pumpPeriod: 200 as Duration,
  telemetry: recordingTelemetry(),
});

/** Files of rows, to be read one after another, and what counting them gives. */
async function filesOf(files: number, rows: number) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const counts = new Map<string, number>();
  for (let p = 0; p < files; p++) {
    const lines: string[] = [];
    for (let i = 0; i < rows; i++) {
      const row: Row = { key: `k${i % 7}`, at: 1_000_000 + p * rows + i };
      const window = `${Math.floor(row.at / 100) * 100 + 100} ${row.key}`;
      counts.set(window, (counts.get(window) ?? 0) + 1);
      lines.push(JSON.stringify(row));
    }
    await writeFile(join(folder, `${p}.jsonl`), `${lines.join('\n')}\n`);
  }
  return { path: join(folder, '*.jsonl'), expected: [...counts].map(([window, n]) => `${window} ${n}`).sort() };
}

function counting(path: string, partitions: number) {
  const out = ledger<Counted>();
  const built = pipeline(
    'counting',
    (p) => {
      p.source('in', jsonl<Row>({ path }), {
        eventTime: (r) => epochMillis(r.at),
        watermark: boundedOutOfOrderness(milliseconds(0)),
      })
        .keyBy('by-key', (r) => r.key)
        .window(tumbling(milliseconds(100)))
        .aggregate('counts', { n: count() })
        .to('out', out);
    },
    { parallelism: partitions },
  );
  const found = (): string[] => out.records.map(({ windowEnd, key, n }) => `${windowEnd} ${key} ${n}`).sort();
  return { built, found };
}

describe.skipIf(missing)(`workers on Kafka, DynamoDB and S3${skipNote(missing)}`, { timeout: 90_000 }, () => {
  it('share a run and finish it', async () => {
    const { path, expected } = await filesOf(3, 400);
    const { built, found } = counting(path, 4);
    const options = { ...optionsOf(ownName('worker')), limits: { sourceRows: 200 } };
    const opened: OpenWorker[] = await Promise.all([openWorker(built, options), openWorker(built, options)]);
    onTestFinished(async () => {
      await Promise.all(opened.map((open) => open.close()));
    });
    expect(opened[0]!.worker.open.record.id).toBe(opened[1]!.worker.open.record.id);
    const ends = await Promise.all(opened.map(({ worker }) => worker.run()));
    expect(ends.map(({ kind }) => kind)).toEqual(['finished', 'finished']);
    expect(found()).toEqual(expected);
  });
});
