/** Pairs of bids of a hundred thousand keys within five minutes of each other, across one exchange: bids from a file, results to a file. */
import { jsonl, toJsonl } from '../../lib/adapters/files/index.ts';
import { boundedOutOfOrderness, milliseconds, minutes, pipeline } from '../../lib/index.ts';
import type { Bench, Comparison } from './case.ts';
import { BID_DISORDER, type Bid, bidsFile } from './data.ts';
import { runPipeline } from './millrace-side.ts';
import { eachLine, LineFile } from './plain-loop.ts';

const KEYS = 100_000;
const REACH = minutes(5);

const keyOf = (bid: Bid): number => bid.auction % KEYS;
const isLeft = (bid: Bid): boolean => bid.price % 2 === 0;
const joined = (left: Bid, right: Bid) => ({ auction: left.auction, left: left.price, right: right.price });

export const joinCases: readonly Comparison[] = [
  {
    kind: 'comparison',
    name: 'interval join, 100,000 keys',
    target: 0.3,
    prepare: bidsFile,
    millrace: run,
    async plain({ records, dir }) {
      const path = await bidsFile(records);
      const file = new LineFile(`${dir}/out.jsonl`);
      const join = new PlainJoin(file);
      const n = eachLine<Bid>(path, (bid) => join.add(bid));
      file.close();
      return { records: n, out: file.written };
    },
  },
];

interface Sides {
  readonly lefts: Bid[];
  readonly rights: Bid[];
}

/** As one would write it by hand for a single file: two lists a key in a Map, cleared of what is too old when the key is met, and all of them now and then. */
class PlainJoin {
  readonly #keys = new Map<number, Sides>();
  readonly #file: LineFile;
  #time = 0;
  #next = 0;

  constructor(file: LineFile) {
    this.#file = file;
  }

  add(bid: Bid): void {
    const key = keyOf(bid);
    let sides = this.#keys.get(key);
    if (sides === undefined) {
      sides = { lefts: [], rights: [] };
      this.#keys.set(key, sides);
    }
    const left = isLeft(bid);
    const others = left ? sides.rights : sides.lefts;
    const oldest = this.#time - BID_DISORDER - REACH;
    drop(others, oldest);
    for (const other of others) {
      if (Math.abs(other.dateTime - bid.dateTime) > REACH) continue;
      this.#file.write(left ? joined(bid, other) : joined(other, bid));
    }
    (left ? sides.lefts : sides.rights).push(bid);
    if (bid.dateTime <= this.#time) return;
    this.#time = bid.dateTime;
    if (this.#time < this.#next) return;
    this.#next = this.#time + REACH;
    for (const [name, { lefts, rights }] of this.#keys) {
      drop(lefts, oldest);
      drop(rights, oldest);
      if (lefts.length + rights.length === 0) this.#keys.delete(name);
    }
  }
}

function drop(bids: Bid[], oldest: number): void {
  let n = 0;
  while (n < bids.length && bids[n]!.dateTime < oldest) n++;
  if (n > 0) bids.splice(0, n);
}

async function run({ records, dir }: Bench) {
  const path = await bidsFile(records);
  const made = pipeline(
    'bids',
    (p) => {
      const bids = p.source('bids', jsonl<Bid>({ path }), {
        eventTime: (bid: Bid) => bid.dateTime,
        watermark: boundedOutOfOrderness(milliseconds(BID_DISORDER)),
      });
      const lefts = bids.filter(isLeft).keyBy('left-key', keyOf);
      const rights = bids.filter((bid) => !isLeft(bid)).keyBy('right-key', keyOf);
      lefts
        .intervalJoin(rights)
        .between(milliseconds(-REACH), REACH)
        .join('pairs', joined)
        .to('out', toJsonl({ path: `${dir}/out.jsonl` }));
    },
    { parallelism: 4 },
  );
  return runPipeline(made);
}
