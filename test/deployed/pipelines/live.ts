/** Counts by windows of two seconds over live times: with every source silent, nothing but the controller can close the last ones. */
import {
  boundedOutOfOrderness,
  collection,
  count,
  epochMillis,
  milliseconds,
  pipeline,
  seconds,
  toMemory,
  tumbling,
} from 'millrace';

export interface Click {
  readonly page: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export default pipeline(
  'live',
  (p) => {
    p.source('clicks', collection<Click>([]), {
      eventTime: ({ at }) => epochMillis(at),
      watermark: boundedOutOfOrderness(milliseconds(500)),
      idleAfter: seconds(1),
    })
      .keyBy('by-page', ({ page }) => page)
      .window(tumbling(seconds(2)))
      .aggregate('per-window', { clicks: count() }, (page, { start }, { clicks }) => ({ page, start, clicks }))
      .to('counts', toMemory());
  },
  { parallelism: 2 },
);
