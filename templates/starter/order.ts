/** A line of orders.jsonl. */
export interface Order {
  /** ISO 8601. */
  readonly time: string;
  readonly customer: string;
  readonly product: string;
  readonly price: number;
}
