/** Count and mean by key and window, across one exchange: bids from a file, results to a file. */
import { z } from 'zod';
import { jsonl, toJsonl } from '../../lib/adapters/files/index.ts';
import {
  boundedOutOfOrderness,
  count,
  type EventTime,
  hours,
  mean,
  milliseconds,
  minutes,
  pipeline,
  seconds,
} from '../../lib/index.ts';
import { hopping, session, tumbling, type WindowAssigner } from '../../lib/operators/index.ts';
import type { Bench, Comparison } from './case.ts';
import { BID_DISORDER, type Bid, bidsFile } from './data.ts';
import { runPipeline } from './millrace-side.ts';
import { eachLine, LineFile } from './plain-loop.ts';
import { type Key, type PlainWindows, plainHopping, plainSessions, plainTumbling } from './plain-windows.ts';

const schema = z.object({
  auction: z.number(),
  bidder: z.string(),
  price: z.number(),
  channel: z.string(),
  url: z.string(),
  dateTime: z.number().transform((time) => time as EventTime),
  extra: z.string(),
});

interface Job {
  readonly name: string;
  readonly target: number;
  readonly key: (bid: Bid) => Key;
  readonly assigner: WindowAssigner<Bid>;
  readonly plain: (key: (bid: Bid) => Key, file: LineFile) => PlainWindows;
  readonly durable?: boolean;
}

const byBidder = (bid: Bid): string => bid.bidder;
const byAuction = (bid: Bid): number => bid.auction;

const few = {
  name: 'tumbling, 10,000 keys',
  key: byBidder,
  assigner: tumbling(minutes(10)),
  plain: plainTumbling(minutes(10)),
};
const many = {
  name: 'tumbling, 1,000,000 keys',
  key: byAuction,
  assigner: tumbling(hours(3)),
  plain: plainTumbling(hours(3)),
};
const jobs: readonly Job[] = [
  { ...few, target: 0.5 },
  { ...many, target: 0.5 },
  { ...few, target: 0.35, durable: true },
  { ...many, target: 0.35, durable: true },
  {
    name: 'hopping, ten overlaps, 10,000 keys',
    target: 0.3,
    key: byBidder,
    assigner: hopping(minutes(10), minutes(1)),
    plain: plainHopping(minutes(10), minutes(1)),
  },
  {
    name: 'sessions, 10,000 keys',
    target: 0.3,
    key: byBidder,
    assigner: session(seconds(60)),
    plain: plainSessions(seconds(60)),
  },
];

export const windowCases: readonly Comparison[] = jobs.flatMap((job) => [compared(job, false), compared(job, true)]);

function compared(job: Job, checked: boolean): Comparison {
  return {
    kind: 'comparison',
    name: `${job.name}${job.durable ? ', durable' : ''}${checked ? ', schema' : ''}`,
    target: job.target,
    prepare: bidsFile,
    millrace: (bench) => run(job, checked, bench),
    async plain({ records, dir }) {
      const path = await bidsFile(records);
      const file = new LineFile(`${dir}/out.jsonl`);
      const windows = job.plain(job.key, file);
      const n = checked
        ? eachLine<unknown>(path, (row) => windows.add(schema.parse(row)))
        : eachLine<Bid>(path, (bid) => windows.add(bid));
      windows.end();
      file.close();
      return { records: n, out: file.written };
    },
  };
}

async function run(job: Job, checked: boolean, { records, dir }: Bench) {
  const path = await bidsFile(records);
  const made = pipeline(
    'bids',
    (p) => {
      const options = {
        eventTime: (bid: Bid) => bid.dateTime,
        watermark: boundedOutOfOrderness(milliseconds(BID_DISORDER)),
      };
      const source = checked
        ? p.source('bids', jsonl({ path }), { ...options, schema })
        : p.source('bids', jsonl<Bid>({ path }), options);
      source
        .keyBy('key', job.key)
        .window(job.assigner)
        .aggregate('price', { count: count(), mean: mean((bid) => bid.price) })
        .to('out', toJsonl({ path: `${dir}/out.jsonl` }));
    },
    { parallelism: 4 },
  );
  return runPipeline(made, job.durable ? { dataDir: `${dir}/data` } : {});
}
