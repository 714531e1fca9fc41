/** A small project for the command to run: orders, an hour of event time apart in every hundred rows. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Hour {
  readonly product: string;
  readonly hour: string;
  readonly orders: number;
  readonly revenue: number;
}

const START = Date.UTC(2026, 0, 5);
const PRODUCTS = ['tea', 'coffee', 'cocoa', 'mug'];

export const ROWS = 2_000;

const row = (i: number): { time: string; product: string; price: number } => ({
  time: new Date(START + i * 36_000).toISOString(),
  product: PRODUCTS[(i * 7 + (i >> 3)) % PRODUCTS.length] as string,
  price: 1 + (i % 9),
});

/** What the pipeline must find, computed directly. */
export function expectedHours(): Hour[] {
  const hours = new Map<string, { product: string; hour: string; orders: number; revenue: number }>();
  for (let i = 0; i < ROWS; i++) {
    const { time, product, price } = row(i);
    const hour = `${time.slice(0, 13)}:00:00.000Z`;
    const found = hours.get(product + hour) ?? { product, hour, orders: 0, revenue: 0 };
    hours.set(product + hour, found);
    found.orders++;
    found.revenue += price;
  }
  return inOrder([...hours.values()]);
}

/** Writes orders.jsonl and pipeline.ts. `body` takes the place of what is between source and sink. */
export function writeProject(folder: string, changes: { readonly body?: string; readonly source?: string } = {}): void {
  const lines = Array.from({ length: ROWS }, (_, i) => `${JSON.stringify(row(i))}\n`);
  writeFileSync(join(folder, 'orders.jsonl'), lines.join(''));
  writeFileSync(join(folder, 'pipeline.ts'), pipelineText(changes));
}

export function pipelineText({
  body = BODY,
  source = '',
}: {
  readonly body?: string;
  readonly source?: string;
} = {}): string {
  return `
import { count, epochMillis, hours, pipeline, process, sum, toFunction, tumbling, type, value } from 'millrace';
import { jsonl, toJsonl } from 'millrace/files';

interface Order { readonly time: string; readonly product: string; readonly price: number }

export default pipeline('shop', (p) => {
  const orders = p.source('orders', jsonl<Order>({ path: import.meta.dirname + '/orders.jsonl' }), {
    eventTime: (order) => epochMillis(Date.parse(order.time)),
    ${source}
  });
  ${body}
}, { parallelism: 4 });
`;
}

const BODY = `
  orders
    .keyBy('by-product', (order) => order.product)
    .window(tumbling(hours(1)))
    .aggregate('hourly', { orders: count(), revenue: sum((order) => order.price) },
      (product, { start }, totals) => ({ product, hour: new Date(start).toISOString(), ...totals }))
    .to('sales', toJsonl({ path: 'out/sales.jsonl' }));`;

/** The rows of a result file, in an order of their own: tasks finish in any. */
export function salesIn(folder: string, file = 'out/sales.jsonl'): Hour[] {
  const text = readFileSync(join(folder, file), 'utf8');
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line is not whole');
  const lines = text.split('\n').filter((line) => line !== '');
  return inOrder(lines.map((line) => JSON.parse(line) as Hour));
}

const inOrder = (rows: Hour[]): Hour[] => rows.sort((a, b) => (a.hour + a.product < b.hour + b.product ? -1 : 1));
