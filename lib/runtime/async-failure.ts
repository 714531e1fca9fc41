/** What an asynchronous call ended with, in a record's place. */
export class AsyncFailure {
  readonly error: unknown;
  /** The operator that called. */
  readonly operator: string;
  constructor(error: unknown, operator: string) {
    this.error = error;
    this.operator = operator;
  }
}
