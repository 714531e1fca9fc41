import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collection, toMemory } from 'millrace';
import { runEmbedded } from 'millrace/embedded';
import type { Order } from './order.ts';
import pipeline from './pipeline.ts';

test('counts orders by product and hour', async () => {
  const orders: Order[] = [
    { time: '2026-01-01T10:05:00Z', customer: 'ada', product: 'tea', price: 4 },
    { time: '2026-01-01T10:55:00Z', customer: 'bob', product: 'tea', price: 5 },
    { time: '2026-01-01T11:00:00Z', customer: 'ada', product: 'tea', price: 99 },
  ];
  const sales = toMemory<unknown>();
  const spenders = toMemory<unknown>();
  await runEmbedded(pipeline, {
    bindings: { sources: { orders: collection(orders) }, sinks: { sales, 'big-spenders': spenders } },
  });
  assert.deepEqual(sales.records, [
    { product: 'tea', hour: '2026-01-01T10:00:00.000Z', orders: 2, revenue: 9 },
    { product: 'tea', hour: '2026-01-01T11:00:00.000Z', orders: 1, revenue: 99 },
  ]);
  assert.deepEqual(spenders.records, [{ customer: 'ada', spent: 103 }]);
});
