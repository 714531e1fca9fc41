/** Pipelines as authors without types write them, and what is said to be wrong with them. */
import { expect } from 'vitest';
import {
  collection,
  epochMillis,
  MillraceError,
  type PipelineBuilder,
  type PlanFault,
  pipeline,
  toMemory,
} from '../../lib/index.ts';

/** What authors without types hold and call. */
export type Untyped = ((...given: readonly unknown[]) => Untyped) & { readonly [N in Names]: Untyped };
type Names =
  | 'a'
  | 'aggregate'
  | 'async'
  | 'broadcast'
  | 'connect'
  | 'count'
  | 'deduplicate'
  | 'filter'
  | 'flatMap'
  | 'followedBy'
  | 'followedByAny'
  | 'groupBy'
  | 'join'
  | 'keyBy'
  | 'lookupJoin'
  | 'map'
  | 'match'
  | 'next'
  | 'notFollowedBy'
  | 'notNext'
  | 'oneOrMore'
  | 'or'
  | 'otherwise'
  | 'process'
  | 'rateLimit'
  | 'reduce'
  | 'sample'
  | 'some'
  | 'source'
  | 'split'
  | 'suppress'
  | 'top'
  | 'between'
  | 'intervalJoin'
  | 'windowJoin'
  | 'times'
  | 'timesOrMore'
  | 'to'
  | 'toTable'
  | 'until'
  | 'where'
  | 'window'
  | 'windowAll'
  | 'withBindings'
  | 'withCode'
  | 'withParallelism'
  | 'within'
  | 'withinPrevious';
/** What is said to be wrong: `operator: rule`. An error of any other kind is thrown on. */
export function rulesOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.kind !== 'invalid-pipeline') throw error;
    if (Array.isArray(error.cause)) {
      return (error.cause as PlanFault[]).map(({ operator, rule }) => `${operator}: ${rule}`);
    }
    expect(error.hint).toBeDefined();
    return [error.message];
  }
  return [];
}

export const untyped = (given: unknown): Untyped => given as Untyped;

export const source = (p: PipelineBuilder): Untyped =>
  untyped(p).source('in', collection<unknown>([]), { eventTime: () => epochMillis(0) });

/** What is wrong with what is written behind a source, and behind a key-by. */
export const written = (write: (stream: Untyped) => Untyped): readonly string[] =>
  rulesOf(() => pipeline('test', (p) => write(source(p)).to('out', toMemory())));
export const keyed = (write: (stream: Untyped) => Untyped): readonly string[] =>
  written((stream) => write(stream.keyBy('k', () => 'k')));

export const fixes = (write: (stream: Untyped) => Untyped): readonly string[] => {
  try {
    pipeline('test', (p) => write(source(p)).to('out', toMemory()));
  } catch (error) {
    return ((error as MillraceError).cause as PlanFault[]).map(({ rule, fix }) => `${rule}; ${fix}`);
  }
  return [];
};
