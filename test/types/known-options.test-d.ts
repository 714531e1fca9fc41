import { describe, expectTypeOf, it } from 'vitest';
import type {
  AsyncOptions,
  DeduplicateSpec,
  GroupOptions,
  StateDescriptors,
  TopOfRecordsSpec,
} from '../../lib/operators/index.ts';
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
    expectTypeOf<(typeof known.sourceOptions)[number]>().toEqualTypeOf<keyof SourceOptions<unknown> | 'schema'>();
  });
});
