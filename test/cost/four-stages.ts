import { boundedOutOfOrderness, collection, count, epochMillis, minutes, pipeline, toMemory, tumbling } from 'millrace';

interface Order {
  readonly shop: string;
  readonly city: string;
  readonly at: number;
}

/** Four stages of eight partitions: orders, by shop and minute, by city and minute, and by how many there were. Its functions read topics in their place. */
export default pipeline(
  'orders-at-rest',
  (p) => {
    p.source('orders', collection<Order>([]), {
      eventTime: (order) => epochMillis(order.at),
      watermark: boundedOutOfOrderness(minutes(1)),
    })
      .keyBy('by-shop', (order) => order.shop)
      .window(tumbling(minutes(1)))
      .aggregate('per-shop', { orders: count() }, (shop, _, { orders }) => ({ shop, city: shop.slice(0, 2), orders }))
      .keyBy('by-city', ({ city }) => city)
      .window(tumbling(minutes(1)))
      .aggregate('per-city', { shops: count() }, (city, _, { shops }) => ({ city, shops }))
      .keyBy('by-shops', ({ shops }) => shops)
      .window(tumbling(minutes(5)))
      .aggregate('per-size', { cities: count() }, (shops, _, { cities }) => ({ shops, cities }))
      .to('sizes', toMemory());
  },
  { parallelism: 8 },
);
