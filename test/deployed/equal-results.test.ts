import { afterEach, describe, expect, it } from 'vitest';
import { loadPipeline } from '../../cli/load-pipeline.ts';
import { runEmbedded } from '../../lib/embedded/index.ts';
import { collection, toMemory } from '../../lib/index.ts';
import { flightsOfTheYear } from '../../scripts/flights-demo.ts';
import { skipNote } from '../conformance/opened.ts';
import { Deployment, useCloud } from './deployment.ts';
import { airportSinks, type Flight } from './pipelines/airports.ts';

const cloud = await useCloud();
const flights = flightsOfTheYear().slice(0, 1_500) as unknown as readonly Flight[];
let deployment: Deployment | undefined;
afterEach(() => deployment?.end(), 120_000);

async function embedded(file: string): Promise<Record<string, string[]>> {
  const { pipeline } = await loadPipeline(new URL(`pipelines/${file}`, import.meta.url).pathname);
  const sinks = Object.fromEntries(airportSinks.map((id) => [id, toMemory<unknown>()]));
  await runEmbedded(pipeline, { bindings: { sources: { flights: collection(flights) }, sinks } });
  return Object.fromEntries(airportSinks.map((id) => [id, texts(sinks[id]!.records)]));
}

const texts = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();

describe.skipIf(cloud.missing)(`a deployed pipeline${skipNote(cloud.missing)}`, () => {
  it.each([
    ['with its operators fused', 'airports-fused.ts', 3],
    ['with each operator in a function of its own', 'airports-apart.ts', 5],
  ])('gives what it gives in one process, %s', { timeout: 400_000 }, async (_, file, stages) => {
    deployment = await Deployment.deploy(cloud.running!, file);
    expect(deployment.mappings).toBe(stages);
    await deployment.feed(
      'flights',
      flights.map((flight) => [flight.origin, flight]),
    );
    await deployment.millrace('stop', '--drain');
    const found: Record<string, string[]> = {};
    for (const id of airportSinks) found[id] = texts(await deployment.results(id));
    expect(found).toEqual(await embedded(file));
    expect(found['days']!.length).toBeGreaterThan(300);
  });
});
