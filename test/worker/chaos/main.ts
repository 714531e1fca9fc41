/**
 * Longer chaos by hand: `node test/worker/chaos/main.ts [--seconds 120] [--seed 7] [--workers 2] [--verbose]` against the services that the environment names
 * (MILLRACE_KAFKA_BROKERS, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3). Prints the seed.
 */
import { parseArgs } from 'node:util';
import { storesOf } from '../../../cli/stores-options.ts';
import { chaos } from './chaos.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '2' },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const name = `chaos-${seed}-${Date.now().toString(36)}`;
const env = { MILLRACE_TABLE: name, MILLRACE_BUCKET: name };
const stores = storesOf({ table: name, bucket: name, topicPrefix: `${name}.` });
console.log(`seed ${seed}`);
const report = await chaos({
  ...{ name, seed, stores, env, seconds: Number(values.seconds), workers: Number(values.workers) },
  verbose: values.verbose,
  tell: (what) => console.log(what),
});
console.log(`${report.rows} rows, ${report.faults.length === 0 ? 'all is well' : 'faults:'}`);
for (const fault of report.faults) console.log(`  ${fault}`);
process.exit(report.faults.length === 0 ? 0 : 1);
