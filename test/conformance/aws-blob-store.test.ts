import { describe } from 'vitest';
import { ensureBucket, S3BlobStore, s3Client } from '../../lib/adapters/s3/index.ts';
import { recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { localAws, ownName, useMinistack, useS3 } from '../services/aws.ts';
import type { UsableService } from '../services/run-service.ts';
import { type BlobStoreSubject, blobStoreConformance } from './blob-store.ts';
import { skipNote } from './opened.ts';

const services: readonly [string, UsableService, BlobStoreSubject['without']][] = [
  ['MiniStack', await useMinistack(), {}],
  [
    'the S3 gateway',
    await useS3(),
    { 'nested-names': 'the gateway keeps objects as files, and a file cannot be a folder as well' },
  ],
];

for (const [name, { running, missing }, without] of services) {
  describe.skipIf(missing !== undefined)(`on ${name}${skipNote(missing)}`, () => {
    for (const prefix of [undefined, 'some/where/']) {
      blobStoreConformance({
        name: prefix === undefined ? 'S3' : `S3 below ${prefix}`,
        open: async () => {
          const bucket = ownName('blobs');
          const open = () => {
            const client = s3Client(localAws(running!.address));
            const telemetry = recordingTelemetry();
            return {
              client,
              port: new S3BlobStore({ client, bucket, telemetry, ...(prefix === undefined ? {} : { prefix }) }),
            };
          };
          let opened = open();
          await ensureBucket(opened.client, bucket);
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
        ...(without === undefined ? {} : { without }),
      });
    }
  });
}
