// DynamoDB Local, Amazon's own emulator, from Maven (under Amazon's licence for it), without Docker.
//   node scripts/services/dynamodb.ts start [--port 8000] [--folder F]    installs it if need be, starts it, waits until it serves
//   node scripts/services/dynamodb.ts stop  [--port 8000] [--folder F]    stops it; its data stay, and a later start goes on with them
//   node scripts/services/dynamodb.ts clean [--port 8000] [--folder F]    stops it and deletes its data
// Needs Java 17 and Maven. It listens on all interfaces of the machine and cannot be told otherwise: it takes any credentials, so keep nothing
// in it and no port open. MILLRACE_CACHE: where jars and data go (~/.cache/millrace); DYNAMODB_HEAP: its memory (256m).
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, type HttpService, type HttpServiceOptions, obey, portIn } from './http-service.ts';
import { installJars, programPath, startProcess } from './service.ts';

export interface DynamoDbOptions extends HttpServiceOptions {
  /** Keep tables in memory, gone with the process, and not in the folder: faster. Default: false. */
  readonly inMemory?: boolean;
}

/** Installs its jars, if they are not there yet. */
export const installDynamoDb = (): Promise<string> =>
  installJars('dynamodb-local-2.6.1', fileURLToPath(new URL('dynamodb-pom.xml', import.meta.url)));

/** Starts it, or finds the one that runs in the folder, and waits until it serves. Stop it with `stopProcess`. */
export async function startDynamoDb(options: DynamoDbOptions): Promise<HttpService> {
  const { folder } = options;
  const jars = await installDynamoDb();
  const port = await portIn(options);
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  const address = `http://127.0.0.1:${port}`;
  const pid = await startProcess({
    folder,
    program: programPath('java'),
    args: [
      ...['-Xms64m', `-Xmx${process.env['DYNAMODB_HEAP'] ?? '256m'}`, '-XX:+UseSerialGC', '-XX:-UsePerfData'],
      ...[`-Djava.library.path=${jars}`, '-cp', join(jars, '*')],
      'com.amazonaws.services.dynamodbv2.local.main.ServerRunner',
      ...['-port', String(port), '-sharedDb', '-disableTelemetry'],
      ...(options.inMemory === true ? ['-inMemory'] : ['-dbPath', data]),
    ],
    isReady: () => answers(address),
  });
  return { address, pid };
}

if (import.meta.main) await obey('dynamodb', 8000, startDynamoDb);
