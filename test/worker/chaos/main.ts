/**
 * Longer chaos by hand: `node test/worker/chaos/main.ts [--seconds 120] [--seed 7] [--workers 2] [--verbose] [--upgrade]` against the services that the environment names
 * (MILLRACE_KAFKA_BROKERS, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3). Prints the seed. With the folders that `scripts/services` started them in
 * (--kafka F, --dynamodb F, --s3 F) they are killed too, and started again with their data.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { storesOf } from '../../../cli/stores-options.ts';
import { startDynamoDb } from '../../../scripts/services/dynamodb.ts';
import { startKafka, stopKafka } from '../../../scripts/services/kafka.ts';
import { startS3 } from '../../../scripts/services/s3.ts';
import { stopProcess } from '../../../scripts/services/service.ts';
import { chaos } from './chaos.ts';

type Stop = (folder: string, patience?: number) => Promise<void>;
type Start = (options: { readonly folder: string }) => Promise<unknown>;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '2' },
    verbose: { type: 'boolean', default: false },
    upgrade: { type: 'boolean', default: false },
    kafka: { type: 'string' },
    dynamodb: { type: 'string' },
    s3: { type: 'string' },
  },
});
const seed = Number(values.seed);
const name = `chaos-${seed}-${Date.now().toString(36)}`;
const env = { MILLRACE_TABLE: name, MILLRACE_BUCKET: name };
const stores = storesOf({ table: name, bucket: name, topicPrefix: `${name}.` });
console.log(`seed ${seed}`);
/** Ends a service at once, and starts it again a moment later. */
const restarts = (what: string, folder: string | undefined, stop: Stop, start: Start): (() => Promise<string>)[] =>
  folder === undefined
    ? []
    : [
        async () => {
          await stop(folder, 0);
          await sleep(500);
          await start({ folder });
          return `${what} was killed, and serves again`;
        },
      ];
const trouble = [
  ...restarts('the broker', values.kafka, stopKafka, startKafka),
  ...restarts('the table of commits', values.dynamodb, stopProcess, startDynamoDb),
  ...restarts('the bucket', values.s3, stopProcess, startS3),
];
const report = await chaos({
  ...{ name, seed, stores, env, seconds: Number(values.seconds), workers: Number(values.workers) },
  ...(trouble.length === 0 ? {} : { trouble }),
  verbose: values.verbose,
  upgrade: values.upgrade,
  tell: (what) => console.log(what),
});
console.log(`${report.rows} rows, ${report.faults.length === 0 ? 'all is well' : 'faults:'}`);
for (const fault of report.faults) console.log(`  ${fault}`);
process.exit(report.faults.length === 0 ? 0 : 1);
