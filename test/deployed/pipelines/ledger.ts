/** Counts entries by account, one result for each: whatever is lost or doubled shows. */
import {
  boundedOutOfOrderness,
  collection,
  epochMillis,
  type PipelineBuilder,
  process,
  seconds,
  toMemory,
  type,
  value,
} from 'millrace';

export interface Entry {
  readonly account: string;
  /** The how many-th entry of its account it is, from 1 on. */
  readonly n: number;
  readonly poison?: boolean;
}

export interface Balance {
  readonly account: string;
  /** Of the entry. */
  readonly n: number;
  /** How many entries had come when it had been counted: n, if nothing was lost, doubled or put in another order. */
  readonly count: number;
  /** The code that counted. */
  readonly code: string;
}

/** The pipeline's operators; `code` tells one version from another, and `refuse` says which entries it cannot work on. */
export const ledger =
  (code: string, refuse: (entry: Entry) => boolean) =>
  (p: PipelineBuilder): void => {
    const balance = process('balance', {
      in: type<Entry>(),
      key: type<string>(),
      out: type<Balance>(),
      state: { count: value<number>() },
      onRecord(entry, { key, state, emit }) {
        if (refuse(entry)) throw new Error(`entry ${entry.n} of ${key} is poison to ${code}`);
        const count = (state.count.get() ?? 0) + 1;
        state.count.set(count);
        emit({ account: key, n: entry.n, count, code });
      },
    });
    p.source('entries', collection<Entry>([]), {
      eventTime: ({ n }) => epochMillis(n),
      watermark: boundedOutOfOrderness(seconds(1)),
      badRecords: 'dead-letter',
    })
      .keyBy('by-account', ({ account }) => account)
      .process(balance)
      .to('balances', toMemory());
  };
