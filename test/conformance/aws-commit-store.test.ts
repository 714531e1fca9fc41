import { describe } from 'vitest';
import { DynamoCommitStore, dynamoClient, ensureCommitTable } from '../../lib/adapters/dynamodb/index.ts';
import { recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { localAws, ownName, useDynamoDb, useMinistack } from '../services/aws.ts';
import type { UsableService } from '../services/run-service.ts';
import { commitStoreConformance } from './commit-store.ts';
import { skipNote } from './opened.ts';

const services: readonly [string, UsableService][] = [
  ['MiniStack', await useMinistack()],
  ['DynamoDB Local', await useDynamoDb()],
];

for (const [name, { running, missing }] of services) {
  describe.skipIf(missing !== undefined)(`on ${name}${skipNote(missing)}`, () => {
    commitStoreConformance({
      name: 'DynamoDB',
      open: async () => {
        const table = ownName('commits');
        const open = () => {
          const client = dynamoClient(localAws(running!.address));
          return { client, port: new DynamoCommitStore({ client, table, telemetry: recordingTelemetry() }) };
        };
        let opened = open();
        await ensureCommitTable(opened.client, table);
        return {
          port: opened.port,
          reopen: async () => {
            opened.client.destroy();
            opened = open();
            return opened.port;
          },
          close: async () => opened.client.destroy(),
        };
      },
    });
  });
}
