import { boundedOutOfOrderness, collection, count, epochMillis, minutes, pipeline, toMemory, tumbling } from 'millrace';

interface Click {
  readonly page: string;
  readonly at: number;
}

/** A pipeline of three stages: its source, counts behind a key-by, and busy pages behind another. */
export const clicks = (fusing: 'all' | 'none' = 'all') =>
  pipeline(
    'clicks',
    (p) => {
      const perMinute = p
        .source('clicks', collection<Click>([]), {
          eventTime: (click) => epochMillis(click.at),
          watermark: boundedOutOfOrderness(minutes(1)),
        })
        .filter((click) => click.page !== '')
        .keyBy('by-page', (click) => click.page)
        .window(tumbling(minutes(1)))
        .aggregate('per-minute', { clicks: count() }, (page, _, { clicks }) => ({ page, clicks }));
      perMinute.to('counts', toMemory());
      perMinute
        .keyBy('by-clicks', ({ clicks }) => clicks)
        .window(tumbling(minutes(60)))
        .aggregate('busy', { pages: count() }, (clicks, _, { pages }) => ({ clicks, pages }))
        .to('busy-pages', toMemory());
    },
    { parallelism: 4, fusing },
  );

export default clicks();
