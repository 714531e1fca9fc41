/** The import law as data: who may know whom, where packages and ambient things may be used, and what is allowed for now. */

/**
 * Units of the house and of its doors, and the units that each may import; a unit is a folder with all below it. `lib/adapters` and `lib/hosts`
 * stand for each of their folders, which do not know one another. A unit that is not listed fails the check: give it a place.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  'lib/model': [],
  // What several adapters need of the file system.
  'lib/folders': [],
  // What several adapters need of Amazon's services.
  'lib/aws': ['lib/model'],
  'lib/plan': ['lib/model'],
  // A formula over the plan.
  'lib/cost': ['lib/plan'],
  'lib/protocol': ['lib/model', 'lib/plan'],
  'lib/ports': ['lib/model', 'lib/protocol'],
  'lib/adapters': ['lib/aws', 'lib/folders', 'lib/model', 'lib/plan', 'lib/ports', 'lib/protocol'],
  'lib/state': ['lib/model', 'lib/ports', 'lib/protocol'],
  'lib/operators': ['lib/model', 'lib/ports', 'lib/state'],
  'lib/pipeline': ['lib/model', 'lib/operators', 'lib/plan', 'lib/ports'],
  'lib/runtime': ['lib/model', 'lib/operators', 'lib/pipeline', 'lib/plan', 'lib/ports', 'lib/protocol', 'lib/state'],
  'lib/hosts': ['lib/model', 'lib/pipeline', 'lib/plan', 'lib/ports', 'lib/protocol', 'lib/runtime'],
  'lib/inspect': [
    'lib/model',
    'lib/operators',
    'lib/pipeline',
    'lib/plan',
    'lib/ports',
    'lib/protocol',
    'lib/runtime',
    'lib/state',
  ],
  // The composition roots inside the house: they choose adapters that need nothing but this machine.
  'lib/embedded': ['lib'],
  // The composition root of workers: it chooses Kafka, DynamoDB and S3.
  'lib/worker': ['lib'],
  // What can be asked of a deployed pipeline, and who asks it.
  'lib/operations': ['lib'],
  // The local event source, between Kafka and functions.
  'lib/local': ['lib'],
  'lib/testing': ['lib'],
  lib: ['lib'],
  // It deploys the functions, and its app loads a pipeline's file as the command line does.
  cdk: ['lib/model', 'lib/plan', 'lib/pipeline', 'lib/ports', 'lib/protocol', 'lib/runtime', 'functions', 'cli'],
  functions: ['lib'],
  // What it starts on this machine: services that are installed and found by their folder.
  cli: ['lib', 'scripts'],
  scripts: [],
};

/** Folders in which nothing may wait or do I/O. */
export const pure: readonly string[] = ['lib/cost', 'lib/plan', 'lib/protocol'];

export interface Permission {
  /** Path prefixes where it may be imported. */
  readonly in: readonly string[];
  /** Names that may be imported there; all if absent. */
  readonly names?: readonly string[];
}

const doors = ['cdk/', 'functions/', 'cli/'];
const adapters = ['lib/adapters/'];

/** Where each package and each part of Node may be imported. One that is not listed may not be. Doors may use all of Node. */
export const packages: Readonly<Record<string, readonly Permission[]>> = {
  '@standard-schema/spec': [{ in: ['lib/'] }],

  'csv-parse': [{ in: ['lib/adapters/files/'] }],
  'csv-stringify': [{ in: ['lib/adapters/files/'] }],
  hyparquet: [{ in: ['lib/adapters/files/'] }],
  'hyparquet-compressors': [{ in: ['lib/adapters/files/'] }],
  'hyparquet-writer': [{ in: ['lib/adapters/files/'] }],
  tinyglobby: [{ in: ['lib/adapters/files/'] }],
  kafkajs: [{ in: ['lib/adapters/kafka/kafkajs-broker-connection.ts'] }],
  snappyjs: [{ in: ['lib/adapters/kafka/'] }],
  'lz4-napi': [{ in: ['lib/adapters/kafka/'] }],
  'aws-msk-iam-sasl-signer-js': [{ in: ['lib/adapters/kafka/'] }],
  'console-table-printer': [{ in: ['lib/adapters/memory-connectors/', 'cli/'] }],
  pino: [{ in: ['lib/adapters/telemetry/'] }],
  '@opentelemetry/api': [{ in: ['lib/adapters/telemetry/'] }],
  '@opentelemetry/exporter-prometheus': [{ in: ['lib/adapters/telemetry/'] }],
  '@opentelemetry/sdk-metrics': [{ in: ['lib/adapters/telemetry/'] }],

  avsc: [{ in: ['lib/adapters/formats/'] }],
  protobufjs: [{ in: ['lib/adapters/formats/'] }],
  '@aws-sdk/client-glue': [{ in: ['lib/adapters/formats/'] }],

  '@aws-sdk/client-dynamodb': [{ in: ['lib/adapters/dynamodb/'] }],
  '@aws-sdk/client-s3': [{ in: ['lib/adapters/s3/'] }],
  '@aws-sdk/client-lambda': [{ in: ['lib/adapters/lambda/'] }],
  '@aws-sdk/client-cloudformation': [{ in: ['lib/adapters/cloudformation/'] }],
  '@aws-sdk/client-kafka': [{ in: ['functions/'] }],
  '@aws-sdk/client-secrets-manager': [{ in: ['functions/'] }],
  '@aws-lambda-powertools/logger': [{ in: ['functions/'] }],
  '@aws-lambda-powertools/logger/middleware': [{ in: ['functions/'] }],
  '@aws-lambda-powertools/metrics': [{ in: ['functions/'] }],
  '@aws-lambda-powertools/tracer': [{ in: ['functions/'] }],
  '@aws-lambda-powertools/tracer/middleware': [{ in: ['functions/'] }],
  '@middy/core': [{ in: ['functions/'] }],

  commander: [{ in: ['cli/'] }],
  picocolors: [{ in: ['cli/'] }],
  '@clack/prompts': [{ in: ['cli/'] }],
  'aws-cdk-lib': [{ in: ['cdk/'] }],
  constructs: [{ in: ['cdk/'] }],
  esbuild: [{ in: ['cdk/'] }],
  'millrace:pipeline': [{ in: ['functions/'] }],

  'node:sqlite': [{ in: ['lib/adapters/sqlite/'] }],
  'node:fs': [{ in: [...adapters, ...doors, 'lib/folders/'] }],
  'node:fs/promises': [{ in: [...adapters, ...doors] }],
  'node:path': [{ in: [...adapters, ...doors, 'lib/folders/', 'lib/embedded/', 'lib/inspect/'] }],
  'node:readline': [{ in: ['lib/adapters/files/'] }],
  'node:stream': [{ in: ['lib/adapters/files/'] }],
  'node:events': [{ in: ['lib/adapters/files/'] }],
  'node:buffer': [{ in: ['lib/adapters/files/'] }],
  'node:crypto': [
    { in: ['lib/plan/fingerprint.ts'], names: ['createHash'] },
    { in: adapters, names: ['createHash'] },
  ],
  'node:http': [{ in: ['lib/adapters/http/'] }],
  'node:net': [{ in: ['lib/adapters/http/'] }],
  'node:timers/promises': [{ in: ['lib/adapters/kafka/'] }],
  'node:util': [{ in: ['lib/testing/'], names: ['isDeepStrictEqual', 'inspect'] }],
  // Checksums and compression of bytes in memory are computation, not I/O.
  'node:zlib': [
    { in: ['lib/protocol/message-codec.ts'], names: ['crc32', 'zstdCompressSync', 'zstdDecompressSync'] },
    { in: ['lib/state/'], names: ['constants', 'crc32', 'zstdCompressSync', 'zstdDecompressSync'] },
    { in: ['lib/runtime/sheet.ts'], names: ['crc32'] },
    { in: ['lib/adapters/files/', 'lib/adapters/formats/', 'lib/adapters/kafka/'] },
  ],
};

/** Where all of Node may be used. */
export const nodeEverywhere: readonly string[] = doors;

const clock = 'take the time from the Clock port (ctx.processingTime() in an operator)';
const timer = 'wait with Clock.sleep';
const random = 'draw from the Random port (ctx.random() in an operator)';

/** What only doors and adapters may touch, and what to use instead. */
export const ambient: Readonly<Record<string, string>> = {
  'Date.now': clock,
  'Date()': clock,
  'new Date': clock,
  performance: clock,
  'Math.random': random,
  crypto: random,
  setTimeout: timer,
  setInterval: timer,
  setImmediate: timer,
  queueMicrotask: timer,
  'AbortSignal.timeout': timer,
  process: 'let the door read the environment and pass it on as an option',
  console: 'tell the Telemetry port (log), or return what a door should print',
  fetch: 'reach the network from an adapter',
  globalThis: 'name what you need as an import or a port',
};

/** Where the ambient things may be used. */
export const ambientAllowed: readonly string[] = [...adapters, ...doors];

/** Single uses elsewhere, and why. This list only shrinks. */
export const ambientExceptions: Readonly<Record<string, { readonly uses: readonly string[]; readonly why: string }>> = {
  'lib/testing/simulation/schedule.ts': {
    uses: ['setImmediate()'],
    why: 'lets every promise that can go on do so before the simulated clock moves; no time passes by it',
  },
};

/** Lines that a source file may have, and a test. */
export const LONGEST = 400;
export const LONGEST_TEST = 600;

/** Files that are longer, how long they may be, and why. This list only shrinks. */
export const longFiles: Readonly<Record<string, { readonly lines: number; readonly why: string }>> = {};

/** Words that name no thing. */
export const emptyWords: readonly string[] = ['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'shared'];
export const emptyAffixes: readonly string[] = ['Impl', 'Manager', 'Helper', 'Helpers', 'Util', 'Utils', 'Base'];
