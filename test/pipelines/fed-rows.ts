import { Feed } from '../../lib/testing/index.ts';
import type { Row, SuiteCase } from './case.ts';

/** Sources in memory that hold a case's rows; they end behind them unless the case is to be drained. */
export const fedRows = ({ rows, beforeDrain }: SuiteCase): Readonly<Record<string, Feed<Row>>> =>
  Object.fromEntries(
    Object.entries(rows).map(([id, partitions]) => {
      const feed = new Feed<Row>(partitions.length, Date.now);
      for (const [partition, list] of partitions.entries()) feed.push(partition, list);
      if (beforeDrain === undefined) feed.seal();
      return [id, feed];
    }),
  );
