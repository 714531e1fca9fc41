import { describe, expect, it } from 'vitest';
import { skipNote } from '../conformance/opened.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import { chaos } from './chaos/chaos.ts';

const [kafka, dynamoDb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = kafka.missing ?? dynamoDb.missing ?? s3.missing;

const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? 12);

describe.skipIf(missing)(
  `workers that are killed, stopped, woken, and replaced by newer code${skipNote(missing)}`,
  () => {
    it('give every result to readers of committed records once', { timeout: (SECONDS + 300) * 1_000 }, async () => {
      const name = ownName('chaos');
      const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
      const [dynamodb, blobs] = [localAws(dynamoDb.running!.address), localAws(s3.running!.address)];
      const broker = kafka.running!.address;
      const report = await chaos({
        ...{ name, seed, seconds: SECONDS, workers: 2, upgrade: true },
        stores: {
          kafka: { brokers: [broker] },
          table: name,
          bucket: name,
          dynamodb,
          s3: blobs,
          log: { topicPrefix: `${name}.` },
        },
        env: {
          MILLRACE_KAFKA_BROKERS: broker,
          MILLRACE_TABLE: name,
          MILLRACE_BUCKET: name,
          AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint as string,
          AWS_ENDPOINT_URL_S3: blobs.endpoint as string,
          AWS_REGION: 'us-east-1',
          AWS_ACCESS_KEY_ID: dynamodb.credentials!.accessKeyId,
          AWS_SECRET_ACCESS_KEY: dynamodb.credentials!.secretAccessKey,
        },
      });
      expect(report.faults, `seed ${seed}\n${report.story.join('\n')}`).toEqual([]);
      expect(report.rows).toBeGreaterThan(0);
    });
  },
);
