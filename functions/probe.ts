/** The probe's function, which `scripts/real-account.ts` deploys. */
import { DynamoCommitStore, dynamoClient } from '../lib/adapters/dynamodb/index.ts';
import { LambdaFunctions } from '../lib/adapters/lambda/index.ts';
import { systemClock } from '../lib/adapters/system/index.ts';
import { silentTelemetry } from '../lib/adapters/telemetry/index.ts';
import { probeConnections } from './probe-connections.ts';
import { probeHandler } from './probe-handler.ts';
import { probeVariables } from './probe-record.ts';
import { settingsFrom } from './settings.ts';

const settings = settingsFrom(process.env);
const lambda = new LambdaFunctions({ attempts: 4 });

export const handler = probeHandler({
  commits: new DynamoCommitStore({ client: dynamoClient(), table: settings.table, telemetry: silentTelemetry }),
  clock: systemClock,
  run: settings.pipeline,
  generation: process.env[probeVariables.generation] ?? '',
  instance: Math.random().toString(36).slice(2, 10),
  loaded: Math.round(performance.now()),
  connect: (clockTopic) => probeConnections(settings, clockTopic),
  send: (name, event) => lambda.send(name, JSON.stringify(event)),
});
