/** The names of options: authors without types misspell them, and would hear nothing of it. Whether they are all is checked where types are tested. */

const RANKED = ['by', 'ttl', 'ttlBy'] as const;
const SIDES = ['allowedLateness', 'lateLeft', 'lateRight'] as const;
const CALLS = ['capacity', 'timeout', 'retries', 'retryDelay', 'retryIf', 'open', 'close', 'onFailure'] as const;
const FAULTS = ['restart', 'fallback'] as const;

const everyOperator = [...FAULTS, 'fuse', 'deterministic'] as const;
const windows = ['out', 'state', 'windowState', 'outputs', 'retention', ...everyOperator] as const;

/** By types of operators that have more than any has. */
export const optionsOfType = {
  async: [...CALLS, ...everyOperator],
  asyncFlatMap: [...CALLS, ...everyOperator],
  deduplicate: ['keep', ...RANKED, ...everyOperator],
  top: ['order', 'rows', 'unique', ...RANKED, ...everyOperator],
  match: ['afterMatch', 'late', 'timedOut', 'maxPartialMatches', 'waitForever', ...everyOperator],
  'group-table': ['whenEmpty', ...everyOperator],
  'temporal-join': ['grace', 'late', ...everyOperator],
  window: windows,
  'window-table': windows,
  'co-group': windows,
} as const;

/** What the options of an operator of this type may be called. */
export const operatorOptions = (type: string): readonly string[] =>
  Object.hasOwn(optionsOfType, type) ? optionsOfType[type as keyof typeof optionsOfType] : everyOperator;

export const exchangeOptions = ['parallelism'] as const;
export const pipelineOptions = ['parallelism', 'fusing', 'version', ...FAULTS] as const;
export const windowingOptions = ['allowedLateness', 'late', 'trigger', 'evictor'] as const;
export const twoInputWindowing = ['trigger', ...SIDES] as const;
export const intervalOptions = ['lowerExclusive', 'upperExclusive', ...SIDES] as const;
export const sourceOptions = [
  'schema',
  'eventTime',
  'watermark',
  'idle',
  'idleAfter',
  'idleDrift',
  'badRecords',
  'maxFuture',
  'maxRecordBytes',
] as const;
