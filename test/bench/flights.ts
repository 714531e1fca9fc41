/** Records straight through: what the path itself costs. */
import { z } from 'zod';
import { jsonl, toJsonl } from '../../lib/adapters/files/index.ts';
import { pipeline } from '../../lib/index.ts';
import type { Bench, Comparison, Done } from './case.ts';
import { type Flight, flightsFile } from './data.ts';
import { runPipeline } from './millrace-side.ts';
import { eachLine, LineFile } from './plain-loop.ts';

const schema = z.object({
  date: z.string(),
  delay: z.number(),
  distance: z.number(),
  origin: z.string(),
  destination: z.string(),
});

const isLate = (flight: Flight): boolean => flight.delay > 15;
const brief = (flight: Flight) => ({ from: flight.origin, to: flight.destination, late: flight.delay });

const cases: readonly Comparison[] = [false, true].flatMap((checked) => [
  {
    kind: 'comparison',
    name: `pass-through${checked ? ', schema' : ''}`,
    target: 0.6,
    prepare: flightsFile,
    millrace: (bench) =>
      run(bench, (path, out) =>
        pipeline('pass', (p) => {
          p.source('flights', jsonl<Flight>({ path }), checked ? { schema } : {}).to('out', toJsonl({ path: out }));
        }),
      ),
    plain: (bench) =>
      loop(bench, checked, (flight, file) => {
        file.write(flight);
      }),
  },
  {
    kind: 'comparison',
    name: `filter+map${checked ? ', schema' : ''}`,
    target: 0.6,
    prepare: flightsFile,
    millrace: (bench) =>
      run(bench, (path, out) =>
        pipeline('filter-map', (p) => {
          p.source('flights', jsonl<Flight>({ path }), checked ? { schema } : {})
            .filter(isLate)
            .map(brief)
            .to('out', toJsonl({ path: out }));
        }),
      ),
    plain: (bench) =>
      loop(bench, checked, (flight, file) => {
        if (isLate(flight)) file.write(brief(flight));
      }),
  },
]);

export const flightCases = cases;

async function run(bench: Bench, make: (path: string, out: string) => ReturnType<typeof pipeline>): Promise<Done> {
  return runPipeline(make(await flightsFile(bench.records), `${bench.dir}/out.jsonl`));
}

async function loop(
  { records, dir }: Bench,
  checked: boolean,
  each: (flight: Flight, file: LineFile) => void,
): Promise<Done> {
  const file = new LineFile(`${dir}/out.jsonl`);
  const path = await flightsFile(records);
  const n = checked
    ? eachLine<unknown>(path, (row) => each(schema.parse(row), file))
    : eachLine<Flight>(path, (flight) => each(flight, file));
  file.close();
  return { records: n, out: file.written };
}
