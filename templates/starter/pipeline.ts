import { join } from 'node:path';
import { ascendingTimestamps, count, epochMillis, hours, pipeline, sum, tumbling } from 'millrace';
import { jsonl, toJsonl } from 'millrace/files';
import { bigSpender } from './operators/big-spender.ts';
import type { Order } from './order.ts';

export default pipeline('{{name}}', (p) => {
  const orders = p.source('orders', jsonl<Order>({ path: join(import.meta.dirname, 'orders.jsonl') }), {
    eventTime: (order) => epochMillis(Date.parse(order.time)),
    watermark: ascendingTimestamps(),
    badRecords: 'dead-letter',
  });

  orders
    .keyBy('by-product', (order) => order.product)
    .window(tumbling(hours(1)))
    .aggregate('hourly', { orders: count(), revenue: sum((order) => order.price) }, (product, { start }, totals) => ({
      product,
      hour: new Date(start).toISOString(),
      ...totals,
    }))
    .to('sales', toJsonl({ path: 'out/sales.jsonl' }));

  orders
    .keyBy('by-customer', (order) => order.customer)
    .process(bigSpender)
    .to('big-spenders', toJsonl({ path: 'out/big-spenders.jsonl' }));
});
