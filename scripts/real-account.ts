// Asks AWS what no document says: deploys a probe, feeds it, looks at what is done with it, prints one answer per question of
// docs/real-account.md, and destroys it again. It costs a few cents, and needs rights to deploy, and brokers that this machine reaches.
//   node scripts/real-account.ts --cluster-arn arn:... --vpc vpc-1 --subnets subnet-1,subnet-2 --security-groups sg-1 [--kind serverless]
//   node scripts/real-account.ts --brokers host:port,... [--auth scram-sha-512 --secret-arn arn:...] [--vpc ...]
//   node scripts/real-account.ts --brokers host:port --endpoint http://127.0.0.1:4566     an emulator, with millrace's own event source
// --only id,id: some questions; --timeout 20: seconds of the function; --keep: destroys nothing; --json: answers as one line of JSON.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ProbeTarget } from '../cdk/probe-app.ts';
import { kafkaConnection } from '../functions/kafka-connection.ts';
import { type KafkaAuth, settingsFrom, variables } from '../functions/settings.ts';
import { readStack } from '../lib/adapters/cloudformation/index.ts';
import type { AwsConnection } from '../lib/aws/index.ts';
import { messageOf } from '../lib/model/index.ts';
import { Probe } from './real-account/probe.ts';
import type { Answer } from './real-account/question.ts';
import { questions } from './real-account/questions.ts';

const { values: flags } = parseArgs({
  options: {
    brokers: { type: 'string' },
    'cluster-arn': { type: 'string' },
    kind: { type: 'string' },
    auth: { type: 'string' },
    'secret-arn': { type: 'string' },
    vpc: { type: 'string' },
    subnets: { type: 'string' },
    'security-groups': { type: 'string' },
    endpoint: { type: 'string' },
    only: { type: 'string' },
    timeout: { type: 'string', default: '20' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

/** Account, region and credentials that emulators take. */
const EMULATED = { account: '000000000000', region: 'us-east-1', key: 'test' } as const;

const list = (text: string | undefined): readonly string[] => text?.split(',').filter((word) => word !== '') ?? [];
const say = (line: string): void => (flags.json ? console.error(line) : console.log(line));

const { endpoint } = flags;
const aws: AwsConnection =
  endpoint === undefined
    ? {}
    : { endpoint, region: EMULATED.region, credentials: { accessKeyId: EMULATED.key, secretAccessKey: EMULATED.key } };
/** Ctrl-C: nothing more is asked, and what was made is removed. */
const interrupted = Promise.withResolvers<never>();
interrupted.promise.catch(() => {});
let isOver = false;
process.once('SIGINT', () => {
  isOver = true;
  process.exitCode = 130;
  interrupted.reject(new Error('interrupted'));
});

const folder = await mkdtemp(join(tmpdir(), 'millrace-probe-'));
try {
  await main();
} catch (thrown) {
  console.error(messageOf(thrown));
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const asked = list(flags.only);
  const unknown = asked.filter((id) => questions.every((question) => question.id !== id));
  if (unknown.length > 0)
    throw new Error(`no such question: ${unknown.join(', ')}; they are ${questions.map(({ id }) => id).join(', ')}`);
  const probe = new Probe({
    ...{ target: target(), aws, folder, say, isLocal: endpoint !== undefined },
    kafka: await brokers(),
    environment: endpoint === undefined ? {} : emulated(endpoint),
  });
  const answers: Record<string, Answer> = {};
  try {
    say(`making topics, and the stack ${probe.options.target.stack}`);
    await probe.makeTopics();
    if (endpoint !== undefined && !(await isBootstrapped())) await probe.bootstrap(EMULATED.account, EMULATED.region);
    await probe.deploy('1');
    for (const question of questions) {
      if (asked.length > 0 && !asked.includes(question.id)) continue;
      if (question.realOnly === true && endpoint !== undefined) {
        say(`\n${question.text}\n  not asked: an emulator knows nothing of it (${question.id})`);
        continue;
      }
      const answer = await Promise.race([question.ask(probe), interrupted.promise]).catch((thrown: unknown) => ({
        text: `it could not be asked: ${messageOf(thrown)}`,
        holds: false,
      }));
      if (isOver) break;
      answers[question.id] = answer;
      const verdict = answer.holds === false ? ' NOT as millrace assumes' : '';
      say(`\n${question.text}\n  ${answer.text} (${question.id})${verdict}`);
    }
  } finally {
    const { stack, topic, clockTopic } = probe.options.target;
    const names = `stack ${stack}, topics ${topic} and ${clockTopic}`;
    if (flags.keep) say(`\nkept: ${names}`);
    else await probe.destroy().catch((thrown: unknown) => say(`\nleft behind: ${names}: ${messageOf(thrown)}`));
    probe.close();
  }
  if (flags.json) console.log(JSON.stringify(answers));
  if (Object.values(answers).some(({ holds }) => holds === false)) process.exitCode = 2;
}

function target(): Omit<ProbeTarget, 'generation'> {
  const name = `millrace-probe-${Date.now().toString(36)}`;
  const clusterArn = flags['cluster-arn'];
  const secretArn = flags['secret-arn'];
  return {
    ...{ stack: name, run: name, topic: name, clockTopic: `${name}-clock`, timeout: Number(flags.timeout) },
    ...(clusterArn === undefined ? { brokers: list(flags.brokers) } : { clusterArn }),
    ...(flags.kind === undefined ? {} : { kind: flags.kind as NonNullable<ProbeTarget['kind']> }),
    ...(flags.auth === undefined ? {} : { auth: flags.auth as KafkaAuth }),
    ...(secretArn === undefined ? {} : { secretArn }),
    ...(flags.vpc === undefined
      ? {}
      : { network: { vpc: flags.vpc, subnets: list(flags.subnets), securityGroups: list(flags['security-groups']) } }),
  };
}

/** As the constructs have it. */
function isEncrypted(): boolean {
  return flags['cluster-arn'] !== undefined || flags['secret-arn'] !== undefined || (flags.auth ?? 'none') !== 'none';
}

/** As this machine reaches them: by the same code as functions do. */
function brokers() {
  const settings = settingsFrom({
    ...{ [variables.pipeline]: 'probe', [variables.table]: 'none', [variables.bucket]: 'none' },
    [variables.brokers]: flags.brokers,
    [variables.clusterArn]: flags['cluster-arn'],
    [variables.kafkaAuth]: flags.auth,
    [variables.kafkaTls]: String(isEncrypted()),
    [variables.kafkaSecret]: flags['secret-arn'],
  });
  return kafkaConnection(settings);
}

function emulated(address: string): Readonly<Record<string, string>> {
  return {
    ...{ AWS_ENDPOINT_URL: address, AWS_ENDPOINT_URL_S3: address, AWS_REGION: EMULATED.region },
    ...{ AWS_ACCESS_KEY_ID: EMULATED.key, AWS_SECRET_ACCESS_KEY: EMULATED.key },
    CDK_HOME: join(folder, 'cdk-home'),
  };
}

async function isBootstrapped(): Promise<boolean> {
  return readStack(aws, 'CDKToolkit').then(
    ({ physicalIds }) => physicalIds.size > 0,
    () => false,
  );
}
