/** The best of a hundred thousand keys, and of the rows of a table in groups: bids from a file, results to a file. */
import { toJsonl } from '../../lib/adapters/files/index.ts';
import { days, untilTimeLimit } from '../../lib/index.ts';
import type { Comparison } from './case.ts';
import { type Bid, bidsFile } from './data.ts';
import { plain, run } from './tables.ts';

const KEYS = 100_000;
const MOST = 10;

const auctionOf = (bid: Bid): number => bid.auction % KEYS;
const offerOf = (bid: Bid) => ({ auction: auctionOf(bid), bidder: bid.bidder, price: bid.price, at: bid.dateTime });
type Offer = ReturnType<typeof offerOf>;

/** Each auction's last offer stands in the group of its bidder. */
const groupOf = (offer: Offer): string => offer.bidder;

export const rankCases: readonly Comparison[] = [
  {
    kind: 'comparison',
    name: 'top 10 of a stream, 100,000 keys',
    target: 0.3,
    prepare: bidsFile,
    millrace: run((bids, path) => {
      bids
        .map(offerOf)
        .keyBy('auction', ({ auction }) => auction)
        .top('best', MOST, { by: ({ price }) => price })
        .suppress('final', untilTimeLimit(days(1)))
        .toStream()
        .to('out', toJsonl({ path }));
    }),
    plain: plain((file) => {
      const best = new Map<number, Offer[]>();
      return {
        add(bid) {
          const offer = offerOf(bid);
          const offers = best.get(offer.auction);
          if (offers === undefined) {
            best.set(offer.auction, [offer]);
            return;
          }
          let at = offers.length;
          while (at > 0 && isBefore(offer, offers[at - 1]!)) at--;
          if (at >= MOST) return;
          offers.splice(at, 0, offer);
          if (offers.length > MOST) offers.pop();
        },
        end() {
          for (const [key, value] of best) file.write({ key, value });
        },
      };
    }),
  },
  {
    kind: 'comparison',
    name: 'top 10 of a table, 100,000 rows',
    target: 0.3,
    records: 1_000_000,
    prepare: bidsFile,
    millrace: run((bids, path) => {
      bids
        .map(offerOf)
        .keyBy('auction', ({ auction }) => auction)
        .toTable('offers')
        .groupBy('bidder', groupOf)
        .top('best', MOST, { by: ({ price }) => price })
        .suppress('final', untilTimeLimit(days(1)))
        .toStream()
        .to('out', toJsonl({ path }));
    }),
    plain: plain((file) => {
      const offers = new Map<number, Offer>();
      const groups = new Map<string, Offer[]>();
      const place = (group: readonly Offer[], offer: Offer): number => {
        let [low, high] = [0, group.length];
        while (low < high) {
          const middle = (low + high) >> 1;
          if (isBefore(group[middle]!, offer)) low = middle + 1;
          else high = middle;
        }
        return low;
      };
      return {
        add(bid) {
          const offer = offerOf(bid);
          const before = offers.get(offer.auction);
          if (before !== undefined) {
            const group = groups.get(groupOf(before))!;
            group.splice(place(group, before), 1);
          }
          offers.set(offer.auction, offer);
          const group = groups.get(groupOf(offer));
          if (group === undefined) groups.set(groupOf(offer), [offer]);
          else group.splice(place(group, offer), 0, offer);
        },
        end() {
          for (const [key, group] of groups) if (group.length > 0) file.write({ key, value: group.slice(0, MOST) });
        },
      };
    }),
  },
];

const isBefore = (a: Offer, b: Offer): boolean => a.price > b.price || (a.price === b.price && a.at < b.at);
