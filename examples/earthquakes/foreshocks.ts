import { begin, boundedOutOfOrderness, days, pipeline, sideOutput, skipPastLastEvent, sorted, type } from 'millrace';
import { jsonArray, toJsonl } from 'millrace/files';
import { earthquakesFile, type Feature, Quake } from './quake.ts';

/** One earthquake of a place after another, then a strong one: at least 4, and at least 1 above all of them. */
const beforeTheMainshock = begin('foreshocks', type<Quake>())
  .oneOrMore()
  .consecutive()
  .next('mainshock')
  .where((quake) => quake.magnitude >= 4)
  .where((quake, ctx) => ctx.taken('foreshocks').every((foreshock) => foreshock.magnitude <= quake.magnitude - 1))
  .within(days(2));

const late = sideOutput<Quake>('late');

/** Strong earthquakes with the weaker ones that went before them in the same square degree, in less than two days. */
export default pipeline('foreshocks', (p) => {
  const feed = jsonArray<Feature>({ path: earthquakesFile, at: 'features' });
  const mainshocks = p
    .source(
      'quakes',
      sorted(feed, (feature) => feature.properties.updated),
      { schema: Quake, eventTime: (quake) => quake.time, watermark: boundedOutOfOrderness(days(3)) },
    )
    .keyBy('by-place', ({ latitude, longitude }) => [Math.floor(latitude), Math.floor(longitude)] as const)
    .match(
      'mainshocks',
      beforeTheMainshock,
      ({ foreshocks, mainshock: [{ id, place, magnitude }] }, { lastTime }) => ({
        ...{ id, place, time: new Date(lastTime).toISOString(), magnitude },
        foreshocks: foreshocks.map((quake) => quake.magnitude),
      }),
      { afterMatch: skipPastLastEvent(), late },
    );
  mainshocks.to('mainshocks-out', toJsonl({ path: 'out/earthquakes/mainshocks.jsonl' }));
  mainshocks.sideOutput(late).to('late', toJsonl({ path: 'out/earthquakes/late-for-mainshocks.jsonl' }));
});
