/** How streams are enriched with what is kept outside. Types only. */
import type { Key } from '../model/index.ts';
import type { Lookup, LookupJoiner } from '../operators/index.ts';
import type { OperatorOptions } from './graph.ts';

declare module './streams.ts' {
  interface Stream<T> {
    /**
     * Each record with the value that `fetch` finds outside for the key it names, as Flink's lookup join: at most `capacity` calls at once, each key of a batch asked for
     * once, and remembered if there is a `cache`. Results keep the order of their records, and are committed before they are sent, so that a replay sees the same values
     * whatever has changed outside. Records without a value are left out, and counted as `unmatched`.
     */
    lookupJoin<K extends Key, V, R, C = undefined>(
      id: string,
      lookup: Lookup<T, K, V, C>,
      joiner: LookupJoiner<T, V, K, R>,
      options?: OperatorOptions,
    ): Stream<R>;
    /** As `lookupJoin`, also of records without a value, or that name no key. */
    leftLookupJoin<K extends Key, V, R, C = undefined>(
      id: string,
      lookup: Lookup<T, K, V, C>,
      joiner: LookupJoiner<T, V | undefined, K | null | undefined, R>,
      options?: OperatorOptions,
    ): Stream<R>;
  }

  interface KeyedStream<K, T> {
    /** As of any stream; results go on under the record's key. */
    lookupJoin<L extends Key, V, R, C = undefined>(
      id: string,
      lookup: Lookup<T, L, V, C>,
      joiner: LookupJoiner<T, V, L, R>,
      options?: OperatorOptions,
    ): KeyedStream<K, R>;
    /** As of any stream; results go on under the record's key. */
    leftLookupJoin<L extends Key, V, R, C = undefined>(
      id: string,
      lookup: Lookup<T, L, V, C>,
      joiner: LookupJoiner<T, V | undefined, L | null | undefined, R>,
      options?: OperatorOptions,
    ): KeyedStream<K, R>;
  }
}
