import { afterEach, describe, expect, it } from 'vitest';
import { loadPipeline } from '../../cli/load-pipeline.ts';
import { runEmbedded } from '../../lib/embedded/index.ts';
import { collection, toMemory } from '../../lib/index.ts';
import { SeededRandom } from '../../lib/testing/index.ts';
import { flightsOfTheYear } from '../../scripts/flights-demo.ts';
import { skipNote } from '../conformance/opened.ts';
import { rowsOf } from '../operators/table/changelog.ts';
import { committedRows } from '../pipelines/committed-in.ts';
import { Deployment, useCloud } from './deployment.ts';
import { airportSinks, type Flight } from './pipelines/airports.ts';
import type { Offer, Shop } from './pipelines/market.ts';

const cloud = await useCloud();
const flights = flightsOfTheYear().slice(0, 1_500) as unknown as readonly Flight[];
let deployment: Deployment | undefined;
afterEach(() => deployment?.end(), 120_000);

const pipelineAt = (file: string): string => new URL(`pipelines/${file}`, import.meta.url).pathname;

async function embedded(file: string): Promise<Record<string, string[]>> {
  const { pipeline } = await loadPipeline(pipelineAt(file));
  const sinks = Object.fromEntries(airportSinks.map((id) => [id, toMemory<unknown>()]));
  await runEmbedded(pipeline, { bindings: { sources: { flights: collection(flights) }, sinks } });
  return Object.fromEntries(airportSinks.map((id) => [id, texts(sinks[id]!.records)]));
}

/** Every few seconds an offer of one of a dozen items, which go from shop to shop; shops that open, close and move. */
const random = new SeededRandom(6);
const START = Date.UTC(2024, 0, 1);
const offers = Array.from({ length: 150 }, (_, i): Offer => {
  const [item, shop] = [`item-${random.below(12)}`, `shop-${random.below(4)}`];
  return { item, shop, price: random.below(8) === 0 ? null : random.below(100), at: START + i * 4_000 };
});
const shops = Array.from({ length: 25 }, (_, i): Shop => {
  const city = random.below(4) === 0 ? null : `city-${random.below(9)}`;
  return { shop: `shop-${random.below(4)}`, city, at: START + i * 20_000 };
});

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

  it('comes to the tables, ranks and matches that one process comes to', { timeout: 400_000 }, async () => {
    deployment = await Deployment.deploy(cloud.running!, 'market.ts');
    await deployment.feed(
      'shops',
      shops.map((shop) => [shop.shop, shop]),
    );
    await deployment.feed(
      'offers',
      offers.map((offer) => [offer.item, offer]),
    );
    await deployment.millrace('stop', '--drain');
    const { client } = deployment;
    const rows = async (id: string) => (await committedRows(client, deployment!.topic(id))).map(Object.values);
    const results = async (id: string) => texts(await deployment!.results(id));
    const { pipeline } = await loadPipeline(pipelineAt('market.ts'));
    const sinks = {
      ...{ located: toMemory(), totals: toMemory(), cheapest: toMemory() },
      ...{ falls: toMemory(), 'no-falls': toMemory() },
    };
    const sources = { offers: collection(offers), shops: collection(shops) };
    await runEmbedded(pipeline, { bindings: { sources, sinks } });
    for (const id of ['located', 'totals'] as const) {
      const expected = sinks[id].rows.map(({ key, value }) => [key, value]);
      expect(expected.length).toBeGreaterThan(2);
      expect(texts(await rows(id)), id).toEqual(texts(expected));
    }
    // Its controller reads what its tables hold: `located` is the table `locate`, `totals` is `add-up`.
    for (const [table, id] of [
      ['locate', 'located'],
      ['add-up', 'totals'],
    ] as const) {
      const printed = await deployment.millrace('state', 'list', '--operator', table, '--rows', '--json');
      const read = printed
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { key: unknown; value: unknown });
      expect(texts(read.map(({ key, value }) => [key, value])), table).toEqual(
        texts(sinks[id].rows.map(({ key, value }) => [key, value])),
      );
    }
    const ranked = [...rowsOf(sinks.cheapest.records)];
    expect(ranked.length).toBeGreaterThan(3);
    expect(texts([...rowsOf(await deployment.results('cheapest'))])).toEqual(texts(ranked));
    for (const id of ['falls', 'no-falls'] as const) {
      expect(sinks[id].records.length).toBeGreaterThan(3);
      expect(await results(id), id).toEqual(texts(sinks[id].records));
    }
  });
});
