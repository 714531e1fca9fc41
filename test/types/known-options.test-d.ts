import { describe, expectTypeOf, it } from 'vitest';
import type { lookupCacheNames } from '../../lib/operators/async/lookup-join.ts';
import type {
  AsyncOptions,
  DeduplicateSpec,
  GroupOptions,
  LookupCacheOptions,
  RateLimit,
  Sample,
  StateDescriptors,
  Suppression,
  TopOfRecordsSpec,
} from '../../lib/operators/index.ts';
import type { rateLimitNames } from '../../lib/operators/rate-limit.ts';
import type { sampleNames } from '../../lib/operators/sample.ts';
import type { suppressionNames } from '../../lib/operators/table/suppress.ts';
import type {
  ExchangeOptions,
  IntervalOptions,
  MatchOptions,
  OperatorOptions,
  PipelineOptions,
  SourceOptions,
  TemporalOptions,
  TwoInputWindowing,
  WindowFunctionOptions,
  WindowingOptions,
} from '../../lib/pipeline/index.ts';
import type * as known from '../../lib/pipeline/known-options.ts';

type Names = typeof known.optionsOfType;
type OfType<N extends keyof Names> = Names[N][number];
type With<T> = keyof T | keyof OperatorOptions;

describe('the names of options that are known', () => {
  it('are those of the types', () => {
    expectTypeOf<OfType<'async' | 'asyncFlatMap'>>().toEqualTypeOf<With<AsyncOptions>>();
    expectTypeOf<OfType<'deduplicate'>>().toEqualTypeOf<With<DeduplicateSpec>>();
    expectTypeOf<OfType<'top'>>().toEqualTypeOf<With<TopOfRecordsSpec<unknown>>>();
    expectTypeOf<OfType<'match'>>().toEqualTypeOf<keyof MatchOptions<string, unknown, unknown, 'a', unknown>>();
    expectTypeOf<OfType<'group-table'>>().toEqualTypeOf<With<GroupOptions>>();
    expectTypeOf<OfType<'temporal-join'>>().toEqualTypeOf<With<TemporalOptions<unknown>>>();
    expectTypeOf<OfType<'window' | 'window-table' | 'co-group'>>().toEqualTypeOf<
      With<WindowFunctionOptions<unknown, StateDescriptors, StateDescriptors>> | 'retention'
    >();
    expectTypeOf<(typeof known.exchangeOptions)[number]>().toEqualTypeOf<keyof ExchangeOptions>();
    expectTypeOf<(typeof known.pipelineOptions)[number]>().toEqualTypeOf<keyof PipelineOptions>();
    expectTypeOf<(typeof known.windowingOptions)[number]>().toEqualTypeOf<keyof WindowingOptions<unknown>>();
    expectTypeOf<(typeof known.twoInputWindowing)[number]>().toEqualTypeOf<keyof TwoInputWindowing<unknown, unknown>>();
    expectTypeOf<(typeof known.intervalOptions)[number]>().toEqualTypeOf<keyof IntervalOptions<unknown, unknown>>();
    expectTypeOf<(typeof rateLimitNames)[number]>().toEqualTypeOf<keyof RateLimit>();
    expectTypeOf<(typeof sampleNames)[number]>().toEqualTypeOf<keyof Sample<unknown>>();
    expectTypeOf<(typeof lookupCacheNames)[number]>().toEqualTypeOf<keyof LookupCacheOptions>();
    expectTypeOf<(typeof suppressionNames)['window'][number]>().toEqualTypeOf<
      keyof Extract<Suppression, { kind: 'window' }>
    >();
    expectTypeOf<(typeof suppressionNames)['time'][number]>().toEqualTypeOf<
      keyof Extract<Suppression, { kind: 'time' }>
    >();
    expectTypeOf<(typeof known.sourceOptions)[number]>().toEqualTypeOf<keyof SourceOptions<unknown> | 'schema'>();
  });
});
