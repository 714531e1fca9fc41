/** Offers of items in shops, as tables: joined by foreign key, counted and ranked by shop; and falls of prices, as a pattern. */
import {
  begin,
  boundedOutOfOrderness,
  collection,
  epochMillis,
  minutes,
  type PipelineBuilder,
  pipeline,
  seconds,
  sideOutput,
  toMemory,
  type,
} from 'millrace';

export interface Offer {
  readonly item: string;
  readonly shop: string;
  /** None: the shop has it no more. */
  readonly price: number | null;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Shop {
  readonly shop: string;
  /** None: the shop is closed. */
  readonly city: string | null;
  readonly at: number;
}

type Priced = Offer & { readonly price: number };

const eventTime = ({ at }: { readonly at: number }) => epochMillis(at);
const watermark = boundedOutOfOrderness(seconds(5));
const isPriced = (offer: Offer): offer is Priced => offer.price !== null;

const fall = begin('dear', type<Offer>())
  .where((offer) => (offer.price ?? 0) >= 60)
  .notFollowedBy('gone')
  .where((offer) => offer.price === null)
  .followedBy('cheap')
  .where((offer) => (offer.price ?? 100) < 30)
  .within(minutes(2));

function market(p: PipelineBuilder): void {
  const offers = p
    .source('offers', collection<Offer>([]), { eventTime, watermark })
    .keyBy('by-item', ({ item }) => item);
  const shops = p
    .source('shops', collection<Shop>([]), { eventTime, watermark })
    .keyBy('by-shop', ({ shop }) => shop)
    .toTable('cities', ({ city }) => city);
  const items = offers.toTable('items', (offer) => (isPriced(offer) ? offer : null));
  items
    .leftJoin(
      'locate',
      shops,
      ({ shop }) => shop,
      ({ price }, city) => ({ price, city: city ?? null }),
    )
    .to('located', toMemory());
  const groups = items.groupBy('items-by-shop', ({ shop }) => shop);
  groups
    .top('rank', 2, { by: ({ price, item }) => [price, item], order: 'ascending', rows: 'ranks' })
    .changes('rank-changes')
    .to('cheapest', toMemory());
  groups
    .aggregate('add-up', {
      init: () => 0,
      add: (total, { price }) => total + price,
      subtract: (total, { price }) => total - price,
    })
    .to('totals', toMemory());
  const stayed = sideOutput<{ readonly item: string; readonly at: number }>('stayed');
  const falls = offers.match('fall', fall, ({ dear, cheap }, { key }) => ({ item: key, dear, cheap }), {
    timedOut: { to: stayed, make: (_, { key, eventTime }) => ({ item: key, at: eventTime }) },
  });
  falls.to('falls', toMemory());
  falls.sideOutput(stayed).to('no-falls', toMemory());
}

export default pipeline('market', market, { parallelism: 2 });
