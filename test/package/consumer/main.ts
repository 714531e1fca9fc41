import { runEmbedded } from 'millrace/embedded';
import { TestDriver } from 'millrace/testing';
import readingsPipeline, { perMinute, readings } from './pipeline.ts';

const done = await runEmbedded(readingsPipeline);

const driver = await TestDriver.open(readingsPipeline);
await driver.feed('readings', readings);
await driver.end();
const driven = driver.read('per-minute');
await driver.close();

console.log(JSON.stringify({ kind: done.kind, rows: perMinute.records, driven }));
