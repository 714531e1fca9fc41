import {
  boundedOutOfOrderness,
  count,
  hours,
  max,
  maxBy,
  pipeline,
  session,
  sideOutput,
  sorted,
  tumbling,
  value,
} from 'millrace';
import { jsonArray, toJsonl } from 'millrace/files';
import { earthquakesFile, type Feature, Quake } from './quake.ts';

export { summary } from './summary.ts';

const late = sideOutput<Quake>('late');
const lateShocks = sideOutput<Quake>('late-shocks');

export default pipeline('earthquakes', (p) => {
  const feed = jsonArray<Feature>({ path: earthquakesFile, at: 'features' });
  const quakes = p.source(
    'quakes',
    sorted(feed, (feature) => feature.properties.updated),
    {
      schema: Quake,
      eventTime: (quake) => quake.time,
      watermark: boundedOutOfOrderness(hours(6)),
    },
  );

  const hourly = quakes
    .keyBy('by-network', (quake) => quake.network)
    .window(tumbling(hours(1)), { allowedLateness: hours(24), late })
    .aggregate(
      'hourly',
      { quakes: count(), strongest: max((quake) => quake.magnitude) },
      (network, { start }, { quakes, strongest }, { windowState }) => {
        const revision = windowState.revision.get() ?? 0;
        windowState.revision.set(revision + 1);
        return { network, hour: iso(start), revision, quakes, strongest };
      },
      { windowState: { revision: value<number>() } },
    );
  hourly.to('networks', toJsonl({ path: 'out/earthquakes/networks.jsonl' }));
  hourly.sideOutput(late).to('late', toJsonl({ path: 'out/earthquakes/late.jsonl' }));

  const sequences = quakes
    .keyBy('by-place', ({ latitude, longitude }) => [Math.floor(latitude), Math.floor(longitude)] as const)
    .window(session(hours(12)), { allowedLateness: hours(24), late: lateShocks })
    .aggregate(
      'aftershocks',
      { quakes: count(), mainshock: maxBy((quake) => quake.magnitude) },
      ([latitude, longitude], { start, end }, { quakes, mainshock }) => ({
        ...{ latitude, longitude, start: iso(start), end: iso(end), quakes },
        ...{ magnitude: mainshock?.magnitude, place: mainshock?.place },
      }),
    );
  sequences
    .filter((sequence) => sequence.quakes >= 3)
    .to('sequences', toJsonl({ path: 'out/earthquakes/sequences.jsonl' }));
  sequences.sideOutput(lateShocks).to('late-shocks', toJsonl({ path: 'out/earthquakes/late-shocks.jsonl' }));
});

const iso = (time: number): string => new Date(time).toISOString();
