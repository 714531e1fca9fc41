/** How many records go on, and to which task. Types only. */
import type { RateLimit, Sample } from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';

declare module './streams.ts' {
  interface Flow<T> {
    /**
     * Sends each record to the task of the next stage that `partitioner` names, from 0 to `tasks - 1`, in the order of its partition: Flink's `partitionCustom`. Records have no
     * key behind it, so that what keeps state by key needs a `keyBy`. A record for which it names no task is a failure of this operator. It must be a function of the record alone.
     */
    partitionBy(id: string, partitioner: (record: T, tasks: number) => number, options?: ExchangeOptions): Stream<T>;
  }

  interface Stream<T> {
    /**
     * Lets no more records through than the limit says, of the whole stream: all of it comes to one task. What is too much is dropped or waits. Behind a `keyBy` each key
     * has its own limit, and as many tasks as there are.
     */
    rateLimit(id: string, limit: RateLimit, options?: OperatorOptions): Stream<T>;
    /** Part of the records: a share at random, a share of all keys, or every so many of each task. */
    sample(sample: Sample<T>, options?: OperatorOptions): Stream<T>;
    sample(id: string, sample: Sample<T>, options?: OperatorOptions): Stream<T>;
  }

  interface KeyedStream<K, T> {
    /** Lets no more records of each key through than the limit says. What is too much is dropped or waits. */
    rateLimit(id: string, limit: RateLimit, options?: OperatorOptions): KeyedStream<K, T>;
    /** Part of the records: a share at random, a share of all keys, or every so many of each key. */
    sample(sample: Sample<T>, options?: OperatorOptions): KeyedStream<K, T>;
    sample(id: string, sample: Sample<T>, options?: OperatorOptions): KeyedStream<K, T>;
  }
}
