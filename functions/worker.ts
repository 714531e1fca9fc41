/** The process of a worker that runs some stages of a deployed pipeline instead of functions. It ends cleanly when it is asked to, and when the run is over. */
import pipeline from 'millrace:pipeline';
import { seconds } from '../lib/model/index.ts';
import { openWorker } from '../lib/worker/index.ts';
import { storesOf } from './ports.ts';
import { settingsFrom } from './settings.ts';
import { bindTopics } from './topics.ts';
import { lineTelemetry } from './worker-log.ts';

const settings = settingsFrom(process.env);
const { warmBytes, workerStages = [] } = settings;
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort(new Error('asked to end')));

const open = await openWorker(bindTopics(pipeline, MILLRACE_TOPICS).withCode(MILLRACE_CODE), {
  ...(await storesOf(settings)),
  ...{ warmBytes, stages: workerStages, awaitsCode: true, signal: stop.signal, stopTimeout: seconds(110) },
  telemetry: lineTelemetry((line) => process.stdout.write(`${line}\n`)),
});
const { kind, error } = await open.worker.run();
await open.close();
process.stdout.write(`${JSON.stringify({ level: 'info', message: `the worker has ended: ${kind}` })}\n`);
process.exit(error === undefined ? 0 : 1);
