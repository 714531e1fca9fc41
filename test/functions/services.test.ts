/** Bundled functions on a real broker, DynamoDB Local and an S3 gateway. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { skipNote } from '../conformance/opened.ts';
import { localAws, ownName, useDynamoDb, useS3 } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import { deployedFunctions } from './deployed-functions.ts';

const [kafka, dynamodb, s3] = await Promise.all([useKafka(), useDynamoDb(), useS3()]);
const missing = kafka.missing ?? dynamodb.missing ?? s3.missing;

function deployed() {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-functions-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return deployedFunctions({
    ...{ folder, name: ownName('sums'), broker: kafka.running!.address },
    ...{ dynamodb: localAws(dynamodb.running!.address), s3: localAws(s3.running!.address) },
    defer: (end) => onTestFinished(async () => void (await end())),
  });
}

describe.skipIf(missing)(`bundled functions${skipNote(missing)}`, { timeout: 90_000 }, () => {
  it('read a topic, sum up by key and write a topic, woken by the controller, each record once', async () => {
    const { client, input, output, rung, start } = await deployed();
    const append = (from: number, to: number) =>
      client.append(
        Array.from({ length: to - from }, (_, i) => {
          const value = Buffer.from(JSON.stringify({ key: `k${(from + i) % 5}`, n: from + i }));
          const record = { key: undefined, value, headers: [], time: undefined };
          return { topic: input, partition: i % 2, record };
        }),
      );
    await append(0, 100);
    const [controller, amounts, sum] = await Promise.all([start(), start('amounts'), start('sum')]);
    expect((await amounts.call({ ring: [{ partition: 0, reason: 'backlog' }] })).error).toBeUndefined();
    expect(amounts.output).toContain('takes nothing');
    const functions = new Map([
      ['amounts', amounts],
      ['sum', sum],
    ]);
    const settle = async (): Promise<void> => {
      for (let round = 0; round < 4; round++) {
        expect((await controller.call({}, 8_000)).error).toBeUndefined();
        for (const { stage, event } of rung.splice(0)) {
          expect((await functions.get(stage)!.call(event)).error).toBeUndefined();
        }
      }
    };
    await settle();
    await append(100, 150);
    await settle();
    const topic = (await client.topic(output))!;
    const slices = await Promise.all(
      [0, 1].map((partition) => client.read({ topic, partition, from: 0 }, { bytes: 1e6, committedOnly: true })),
    );
    const records = slices.flatMap(({ records }) => records);
    const read = records.map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as { key: string; n: number });
    expect(read).toHaveLength(150);
    const sums = new Map<string, number>();
    for (const { key, n } of read) sums.set(key, Math.max(sums.get(key) ?? 0, n));
    const expected = [0, 1, 2, 3, 4].map((k) => [`k${k}`, 30 * k + (5 * 29 * 30) / 2]);
    expect([...sums].sort()).toEqual(expected);
    expect(sum.output).toContain('{"told":"before"}');
    expect(sum.output).toContain('"Namespace":"millrace"');
  });
});
