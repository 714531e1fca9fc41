import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { MillracePipeline, selfManagedCluster } from 'millrace/cdk';
import pipeline from './pipeline.ts';

const app = new App();
const { stages } = new MillracePipeline(new Stack(app, 'Readings'), 'Pipeline', {
  pipeline,
  entry: fileURLToPath(new URL('pipeline.ts', import.meta.url)),
  cluster: selfManagedCluster({ brokers: ['b:9092'] }),
  sources: { readings: { topic: 'readings', partitions: 2 } },
  sinks: { 'per-minute': { topic: 'means' }, late: { topic: 'late' } },
});
const bundled = readdirSync(app.outdir).filter((name) => name.startsWith('asset.'));
const files = bundled.flatMap((name) => readdirSync(join(app.outdir, name)));
console.log(JSON.stringify({ stages: [...stages.keys()], files: files.filter((name) => !name.startsWith('shared-')) }));
