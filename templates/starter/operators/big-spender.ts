import { days, process, reducing, type } from 'millrace';
import type { Order } from '../order.ts';

export interface BigSpender {
  readonly customer: string;
  readonly spent: number;
}

const MUCH = 100;

/** Says once when a customer has spent more than 100; forgets those who have not ordered for 30 days. */
export const bigSpender = process('big-spender', {
  in: type<Order>(),
  key: type<string>(),
  out: type<BigSpender>(),
  state: { spent: reducing<number>((a, b) => a + b, { ttl: days(30) }) },

  onRecord(order, { key, state, emit }) {
    const before = state.spent.get() ?? 0;
    state.spent.add(order.price);
    const spent = before + order.price;
    if (before <= MUCH && spent > MUCH) emit({ customer: key, spent });
  },
});
