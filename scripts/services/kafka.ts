// One Apache Kafka broker on this machine, from Maven: KRaft, loopback only, no Docker.
//   node scripts/services/kafka.ts start [--port 9092] [--folder F]    installs it if need be, starts it, waits until it serves
//   node scripts/services/kafka.ts stop  [--port 9092] [--folder F]    stops it; its data stay, and a later start goes on with them
//   node scripts/services/kafka.ts clean [--port 9092] [--folder F]    stops it and deletes its data
// Needs Java 17 and Maven. MILLRACE_CACHE: where jars and data go (~/.cache/millrace); KAFKA_HEAP: its memory (512m).
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { type Certificates, certify, passwords } from './kafka-security.ts';
import {
  cacheFolder,
  freePorts,
  installJars,
  processIn,
  programPath,
  runProgram,
  startProcess,
  stopProcess,
} from './service.ts';

export interface KafkaOptions {
  /** Where its data, settings and log are kept. */
  readonly folder: string;
  /** Default: any free port; the one it had before if it was started in this folder before. */
  readonly port?: number;
  /** Also listens with SASL_SSL (SCRAM and PLAIN) and with SSL that asks for a client certificate, and knows users with rights. */
  readonly secure?: boolean;
  /** Compiles less: starts sooner and leaves the processor to others, but never gets as fast. For tests. */
  readonly quick?: boolean;
  /** Further broker settings. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

export interface KafkaBroker {
  readonly address: string;
  readonly pid: number;
  readonly secure?: {
    /** `host:port` of the listener with SASL over TLS. */
    readonly sasl: string;
    /** `host:port` of the listener that asks for a client certificate. */
    readonly mutual: string;
    readonly certificates: Certificates;
  };
}

interface Ports {
  readonly plain: number;
  readonly controller: number;
  readonly sasl: number;
  readonly mutual: number;
}

/** Installs the broker's jars, if they are not there yet. */
export const installKafka = (): Promise<string> =>
  installJars('kafka-4.3.1', fileURLToPath(new URL('kafka-pom.xml', import.meta.url)));

/** Starts a broker, or finds the one that runs in the folder, and waits until it serves clients, groups and transactions. */
export async function startKafka(options: KafkaOptions): Promise<KafkaBroker> {
  const { folder } = options;
  const jars = await installKafka();
  await mkdir(folder, { recursive: true });
  const ports = await portsOf(folder, options.port);
  const certificates = options.secure === true ? certify(join(folder, 'certificates')) : undefined;
  const properties = join(folder, 'server.properties');
  await writeFile(properties, propertyLines(settingsOf(folder, ports, certificates, options.settings)));
  await writeFile(join(folder, 'log4j2.yaml'), logging);
  const java = [
    `-Dlog4j2.configurationFile=${join(folder, 'log4j2.yaml')}`,
    '-XX:-UsePerfData',
    '-cp',
    join(jars, '*'),
  ];
  const isNew = !existsSync(join(folder, 'data', 'meta.properties'));
  if (isNew) format(java, properties, options.secure === true);
  const pid = await startProcess({
    folder,
    program: programPath('java'),
    args: [
      '-Xms128m',
      `-Xmx${process.env['KAFKA_HEAP'] ?? '512m'}`,
      ...(options.quick === true ? compileLess : ['-XX:+UseG1GC']),
      ...java,
      'kafka.Kafka',
      properties,
    ],
    isReady: (log) => log.includes('Kafka Server started'),
  });
  const address = `127.0.0.1:${ports.plain}`;
  if (isNew) await warmUp(address);
  if (certificates === undefined) return { address, pid };
  const secure = { sasl: `127.0.0.1:${ports.sasl}`, mutual: `127.0.0.1:${ports.mutual}`, certificates };
  return { address, pid, secure };
}

/** Stops the broker of a folder in an orderly way; with `patience` 0 kills it. */
export const stopKafka = (folder: string, patience?: number): Promise<void> => stopProcess(folder, patience);

async function portsOf(folder: string, plain: number | undefined): Promise<Ports> {
  const file = join(folder, 'ports.json');
  const before = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Ports) : undefined;
  if (before !== undefined && (plain === undefined || plain === before.plain)) return before;
  const [first, controller, sasl, mutual] = (await freePorts(4)) as [number, number, number, number];
  const ports = { plain: plain ?? first, controller, sasl, mutual };
  await writeFile(file, JSON.stringify(ports));
  return ports;
}

function settingsOf(
  folder: string,
  ports: Ports,
  certificates: Certificates | undefined,
  more: KafkaOptions['settings'],
): Record<string, string | number | boolean> {
  const listeners = {
    PLAINTEXT: ports.plain,
    CONTROLLER: ports.controller,
    ...(certificates === undefined ? {} : { SASL_SSL: ports.sasl, SSL: ports.mutual }),
  };
  const addresses = Object.entries(listeners).map(([name, port]) => `${name}://127.0.0.1:${port}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${ports.controller}`,
    listeners: addresses.join(','),
    'advertised.listeners': addresses.join(','),
    'listener.security.protocol.map': Object.keys(listeners)
      .map((name) => `${name}:${name === 'CONTROLLER' ? 'PLAINTEXT' : name}`)
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': false,
    // One node, and few partitions of what it keeps for itself.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    // Nothing waits longer than it must.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000,
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 500,
    'log.initial.task.delay.ms': 1_000,
    'log.retention.check.interval.ms': 5_000,
    // Small.
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 16 * 2 ** 20,
    'log.segment.bytes': 256 * 2 ** 20,
    'metadata.log.segment.bytes': 16 * 2 ** 20,
    'message.max.bytes': 8 * 2 ** 20,
    'replica.fetch.max.bytes': 8 * 2 ** 20,
    ...(certificates === undefined ? {} : securitySettings(certificates)),
    ...more,
  };
}

/** Whoever comes by the plain listener may do all; others what they are granted. */
const securitySettings = (certificates: Certificates): Record<string, string> => ({
  'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512,PLAIN',
  'listener.name.sasl_ssl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${Object.entries(
    passwords,
  )
    .map(([user, password]) => `user_${user}="${password}"`)
    .join(' ')};`,
  ...Object.fromEntries(
    ['256', '512'].map((bits) => [
      `listener.name.sasl_ssl.scram-sha-${bits}.sasl.jaas.config`,
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    ]),
  ),
  'ssl.keystore.type': 'PKCS12',
  'ssl.keystore.location': certificates.server,
  'ssl.keystore.password': certificates.password,
  'ssl.truststore.type': 'PKCS12',
  'ssl.truststore.location': certificates.trusted,
  'ssl.truststore.password': certificates.password,
  'listener.name.ssl.ssl.client.auth': 'required',
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS;User:admin;User:CN=client',
});

const compileLess = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

function format(java: readonly string[], properties: string, secure: boolean): void {
  // One that began with a dash would be taken for an option.
  const clusterId = Buffer.concat([Buffer.of(0), randomBytes(15)]).toString('base64url');
  const users = Object.entries(passwords).flatMap(([user, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${user},password=${password}]`,
    ]),
  );
  runProgram('java', [
    ...compileLess,
    ...java,
    'kafka.tools.StorageTool',
    'format',
    '--standalone',
    '-t',
    clusterId,
    '-c',
    properties,
    ...(secure ? users : []),
  ]);
}

/** The first use of a group, of an idempotent producer and of a transaction makes topics that clients would have to wait for. */
async function warmUp(address: string): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      return await useTransaction(address);
    } catch (thrown) {
      if (Date.now() > end) throw thrown;
      await sleep(200);
    }
  }
}

async function useTransaction(address: string): Promise<void> {
  const kafka = new Kafka({
    brokers: [address],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
  });
  const admin = kafka.admin();
  const producer = kafka.producer({ idempotent: true, transactionalId: 'warm-up', maxInFlightRequests: 1 });
  try {
    await admin.connect();
    const topic = 'warm-up';
    if (!(await admin.listTopics()).includes(topic)) await admin.createTopics({ topics: [{ topic }] });
    await admin.fetchOffsets({ groupId: 'warm-up' });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.sendOffsets({
      consumerGroupId: 'warm-up',
      topics: [{ topic, partitions: [{ partition: 0, offset: '0' }] }],
    });
    await transaction.commit();
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
}

const propertyLines = (settings: Readonly<Record<string, string | number | boolean>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

const logging = `Configuration:
  status: warn
  Appenders:
    Console:
      name: STDOUT
      PatternLayout: { pattern: "%d{ISO8601} %p %m (%c{1})%n" }
  Loggers:
    Root: { level: warn, AppenderRef: { ref: STDOUT } }
    Logger:
      - { name: kafka.server, level: info }
`;

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: '9092' }, folder: { type: 'string' } },
  });
  const port = Number(values.port);
  const folder = values.folder ?? join(cacheFolder(), `kafka-${port}`);
  const [order = 'start'] = positionals;
  if (order === 'start') {
    const before = await processIn(folder);
    const { address, pid } = await startKafka({ folder, port });
    console.log(
      `kafka ${before === undefined ? 'serves' : 'already serves'} on ${address} (process ${pid}, data in ${folder})`,
    );
  } else if (order === 'stop' || order === 'clean') {
    await stopKafka(folder);
    if (order === 'clean') await rm(folder, { recursive: true, force: true });
  } else {
    throw new Error(`unknown order: ${order}; start, stop or clean`);
  }
}

if (import.meta.main) {
  await main().catch((thrown) => {
    console.error(thrown instanceof Error ? thrown.message : thrown);
    process.exitCode = 1;
  });
}
