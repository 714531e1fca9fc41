/** Joins with tables of a hundred thousand keys: bids from a file, results to a file, of the join of tables the rows that stand in the end. */
import { jsonl, toJsonl } from '../../lib/adapters/files/index.ts';
import { toFunction } from '../../lib/adapters/memory-connectors/index.ts';
import {
  boundedOutOfOrderness,
  type Key,
  milliseconds,
  type PipelineBuilder,
  pipeline,
  type UpsertConnector,
} from '../../lib/index.ts';
import type { Bench, Comparison } from './case.ts';
import { BID_DISORDER, type Bid, bidsFile } from './data.ts';
import { runPipeline } from './millrace-side.ts';
import { eachLine, LineFile } from './plain-loop.ts';

const KEYS = 100_000;

const auctionOf = (bid: Bid): number => bid.auction % KEYS;
/** One bid in ten changes the table that the others are joined to. */
const isRow = (bid: Bid): boolean => bid.auction % 10 === 3;
const isWritten = (joined: { readonly price: number }): boolean => joined.price % 10 === 1;
const rowOf = ({ price, channel }: Bid) => ({ price, channel });
type Row = ReturnType<typeof rowOf>;

const priced = (bid: Bid, row: Row | undefined) => ({
  auction: bid.auction,
  bidder: bid.bidder,
  price: bid.price,
  of: row?.price,
});

/** Auctions name the bidder of their last bid; one bid in ten changes what is known of a bidder. */
const auctionRow = ({ bidder, price }: Bid) => ({ bidder, price });
const bidderOf = ({ bidder }: ReturnType<typeof auctionRow>): string => bidder;
const named = (auction: ReturnType<typeof auctionRow>, bidder: Row) => ({ ...auction, channel: bidder.channel });

export const tableCases: readonly Comparison[] = [
  {
    kind: 'comparison',
    name: 'stream-table join, 100,000 keys',
    target: 0.3,
    prepare: bidsFile,
    millrace: run((bids, path) => {
      const rows = bids.filter(isRow).keyBy('row-key', auctionOf).toTable('rows', rowOf);
      bids
        .filter((bid) => !isRow(bid))
        .keyBy('auction', auctionOf)
        .leftJoin('priced', rows, priced)
        .filter(isWritten)
        .to('out', toJsonl({ path }));
    }),
    plain: plain((file) => {
      const rows = new Map<number, Row>();
      return {
        add(bid) {
          if (isRow(bid)) rows.set(auctionOf(bid), rowOf(bid));
          else {
            const joined = priced(bid, rows.get(auctionOf(bid)));
            if (isWritten(joined)) file.write(joined);
          }
        },
        end() {},
      };
    }),
  },
  {
    kind: 'comparison',
    name: 'foreign-key join, 100,000 keys',
    target: 0.3,
    records: 1_000_000,
    prepare: bidsFile,
    millrace: runToMap((bids, sink) => {
      const auctions = bids
        .filter((bid) => !isRow(bid))
        .keyBy('auction', auctionOf)
        .toTable('auctions', auctionRow);
      const bidders = bids
        .filter(isRow)
        .keyBy('bidder', (bid) => bid.bidder)
        .toTable('bidders', rowOf);
      auctions.join('named', bidders, bidderOf, named).to('out', sink);
    }),
    plain: plain((file) => {
      const auctions = new Map<number, ReturnType<typeof auctionRow>>();
      const bidders = new Map<string, Row>();
      const auctionsOf = new Map<string, Set<number>>();
      const results = new Map<number, ReturnType<typeof named>>();
      const join = (key: number): void => {
        const auction = auctions.get(key)!;
        const bidder = bidders.get(auction.bidder);
        if (bidder === undefined) results.delete(key);
        else results.set(key, named(auction, bidder));
      };
      return {
        add(bid) {
          if (isRow(bid)) {
            bidders.set(bid.bidder, rowOf(bid));
            for (const key of auctionsOf.get(bid.bidder) ?? []) join(key);
            return;
          }
          const key = auctionOf(bid);
          const before = auctions.get(key);
          const auction = auctionRow(bid);
          if (before !== undefined && before.bidder !== auction.bidder) auctionsOf.get(before.bidder)!.delete(key);
          auctions.set(key, auction);
          const keys = auctionsOf.get(auction.bidder);
          if (keys === undefined) auctionsOf.set(auction.bidder, new Set([key]));
          else keys.add(key);
          join(key);
        },
        end() {
          for (const [key, value] of results) file.write({ key, value });
        },
      };
    }),
  },
];

type Bids = ReturnType<typeof bidsOf>;

const bidsOf = (p: PipelineBuilder, path: string) =>
  p.source('bids', jsonl<Bid>({ path }), {
    eventTime: (bid: Bid) => bid.dateTime,
    watermark: boundedOutOfOrderness(milliseconds(BID_DISORDER)),
  });

export function run(build: (bids: Bids, out: string) => void) {
  return async ({ records, dir }: Bench) => {
    const path = await bidsFile(records);
    return runPipeline(pipeline('bids', (p) => build(bidsOf(p, path), `${dir}/out.jsonl`), { parallelism: 4 }));
  };
}

/** Every change of a table to a Map, which is written once all is done: as the plain side has its results. */
function runToMap(build: (bids: Bids, sink: UpsertConnector<unknown>) => void) {
  return async ({ records, dir }: Bench) => {
    const path = await bidsFile(records);
    const results = new Map<Key, unknown>();
    const sink = toFunction<unknown>((rows, { keys }) => {
      const named = keys as readonly Key[];
      for (let i = 0; i < rows.length; i++) {
        if (rows[i] === null) results.delete(named[i]!);
        else results.set(named[i]!, rows[i]);
      }
    });
    const done = await runPipeline(pipeline('bids', (p) => build(bidsOf(p, path), sink), { parallelism: 4 }));
    const file = new LineFile(`${dir}/out.jsonl`);
    for (const [key, value] of results) file.write({ key, value });
    file.close();
    return { ...done, out: file.written };
  };
}

/** The same with Maps: one file, one process, no word of state, restarts or what comes late. */
export function plain(make: (file: LineFile) => { add(bid: Bid): void; end(): void }) {
  return async ({ records, dir }: Bench) => {
    const path = await bidsFile(records);
    const file = new LineFile(`${dir}/out.jsonl`);
    const { add, end } = make(file);
    const n = eachLine<Bid>(path, add);
    end();
    file.close();
    return { records: n, out: file.written };
  };
}
