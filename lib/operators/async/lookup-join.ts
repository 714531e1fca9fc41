/** Records joined to what is kept outside, asked for by key: Flink's lookup join, with its partial cache. */
import { type Duration, type KeyId, keyIdOf, MillraceError } from '../../model/index.ts';
import {
  definition,
  functionMistakes,
  isObject,
  misspeltMistakes,
  optionsMistakes,
  returnedPromise,
  settings,
  unfit,
} from '../author-code.ts';
import type { Mistake, OperatorDefinition } from '../definition.ts';
import type { AsyncCalls, AsyncHost, AsyncRecord, Operator, OperatorContext } from '../operator.ts';
import {
  attempted,
  type CallLimits,
  type CallOptions,
  Client,
  type ClientOptions,
  functionsIn,
  inLanes,
  limitMistakes,
  limitsOf,
  optionMistakes,
  wholeMistakes,
} from './calls.ts';
import { LookupCache } from './lookup-cache.ts';

/** What a lookup's function gets beside the key or keys. */
export interface LookupCall<C = undefined> {
  /** What `open` returned; undefined without it. */
  readonly client: C;
  /** Aborted when the call has run out of time, and when the run stops. */
  readonly signal: AbortSignal;
}

/** How a task remembers what it has looked up: in its process's memory, lost with it and never part of the state. */
export interface LookupCacheOptions {
  /** How long what was found is used, from when it came, by the clock. */
  readonly ttl: Duration;
  /** Keys that a task remembers at most; the one not asked for the longest goes first. Default: 10,000. */
  readonly maxEntries?: number;
  /** Whether it is remembered too that a key has no value. Default: true. */
  readonly missing?: boolean;
}

interface AnyLookup<T, K, C> extends CallOptions, ClientOptions<C> {
  /** The key that a record names; `null` or `undefined` for none, which asks nobody. */
  readonly key: (record: T) => K | null | undefined;
  /** Without it every batch asks anew for each of its keys. */
  readonly cache?: LookupCacheOptions;
  /** Whether a key without a value is asked for again, as a failed call is, in case it is only late. Default: false. */
  readonly retryMissing?: boolean;
  /** What becomes of records whose key could not be asked for: they fail and follow the restart strategy (default), or go on as if there was no value. */
  readonly onFailure?: 'fail' | 'missing';
}

/** One call for each key. */
export interface LookupOne<T, K, V, C = undefined> extends AnyLookup<T, K, C> {
  /** The value of a key; `null` or `undefined` for none. */
  readonly fetch: (key: K, call: LookupCall<C>) => Promise<V | null | undefined> | V | null | undefined;
  readonly fetchMany?: undefined;
  readonly maxKeys?: undefined;
}

/** One call for several keys. */
export interface LookupMany<T, K, V, C = undefined> extends AnyLookup<T, K, C> {
  readonly fetch?: undefined;
  /** The values of different keys: by key, where one without a value may be left out, or a list with one for each key in their order. */
  readonly fetchMany: (keys: readonly K[], call: LookupCall<C>) => Promise<FoundValues<K, V>> | FoundValues<K, V>;
  /** How many keys a call has at most. Default: 100. */
  readonly maxKeys?: number;
}

/** What `fetchMany` returns. */
export type FoundValues<K, V> = ReadonlyMap<K, V | null | undefined> | readonly (V | null | undefined)[];

/** What is looked up, how, and how often. */
export type Lookup<T, K, V, C = undefined> = LookupOne<T, K, V, C> | LookupMany<T, K, V, C>;

/** What may be left out of a lookup and is not missed; nothing that may be called as a part of its author's own is. */
const OPTIONAL = [
  'maxKeys',
  'retryMissing',
  'onFailure',
  'capacity',
  'timeout',
  'retries',
  'retryDelay',
  'retryIf',
] satisfies readonly (keyof SomeLookup)[];
export const lookupCacheNames = ['ttl', 'maxEntries', 'missing'] as const;

/** Makes a result of a record and what was found for it; `value` is undefined only in a left join, `key` only there and where the record names none. */
export type LookupJoiner<T, V, K, R> = (record: T, value: V, key: K) => R;

type Kind = 'inner' | 'left';
type SomeLookup = Lookup<unknown, unknown, unknown, unknown>;
type SomeJoiner = LookupJoiner<unknown, unknown, unknown, unknown>;

/**
 * Each record with the value that is found outside for the key it names, in the order of the records. An inner join drops records without a value (counted as
 * `unmatched`), a left join hands them on with undefined.
 *
 * Within a batch a key is asked for once, however many records name it, with at most `capacity` calls at once. Failures are not remembered. The stage is journaled: what was found
 * for a record is what everybody sees once it is committed, whatever is kept outside by then. Counted are `hits` and `misses` (records whose key the cache had or had not), `evictions`
 * (keys that made room) and `failures` (keys that could not be asked for).
 */
export function lookupJoinOperator<T, K, V, R, C>(
  kind: Kind,
  lookup: Lookup<T, K, V, C>,
  joiner: LookupJoiner<T, V, K, R>,
): OperatorDefinition {
  if (!isObject(lookup)) return unfit('lookup-join', lookup, 'give it { key: (record) => ..., fetch: (key) => ... }');
  const given = lookup as unknown as SomeLookup;
  const limits = limitsOf(given);
  const { key, fetch, fetchMany, maxKeys = 100, cache, retryMissing = false, onFailure = 'fail' } = given;
  const calls = [fetch, fetchMany].filter((fn) => fn !== undefined);
  return definition({
    type: 'lookup-join',
    options: {
      ...{ kind, ...limits, retryMissing, onFailure },
      ...(fetchMany === undefined ? {} : { maxKeys }),
      ...(cache === undefined ? {} : { cache: { ...cacheOf(cache) } }),
    },
    async: true,
    nondeterministic: true,
    functions: [key, ...calls, joiner, ...functionsIn(given)],
    mistakes: [
      ...misspeltMistakes(given, OPTIONAL),
      ...limitMistakes(limits),
      ...wholeMistakes('maxKeys', maxKeys, 1),
      ...cacheMistakes(cache),
      ...optionMistakes(given),
      ...lookupMistakes(given),
      ...functionMistakes('lookupJoin', joiner, 'give it (record, value) => ({ ...record, value })'),
    ],
    code: {
      async: { begin: () => new Lookups(given, limits, maxKeys) },
      create: (context) => joining(kind, joiner as unknown as SomeJoiner, context),
    },
  });
}

/** What stands in a record's place when its key has been looked up. */
interface Looked {
  readonly record: unknown;
  readonly key: unknown;
  readonly value: unknown;
}

function joining(kind: Kind, joiner: SomeJoiner, context: OperatorContext): Operator {
  const out = context.output();
  return {
    inputs: [
      {
        record(looked, time, key) {
          const { record, value, key: named } = looked as Looked;
          if (value === undefined && kind === 'inner') {
            context.count('unmatched', 1);
            return;
          }
          const joined = joiner(record, value, named);
          if (joined instanceof Promise) throw returnedPromise('lookupJoin', 'await in its fetch');
          out.record(joined, time, key);
        },
      },
    ],
  };
}

/** A key that has to be asked for, and the records that wait for it. */
interface Wanted {
  readonly id: KeyId;
  readonly key: unknown;
  readonly records: AsyncRecord[];
}

/** Some keys of a call had no value, and there are attempts left. */
const STILL_MISSING = new Error('there was no value');

/** The lookups of one task. */
class Lookups implements AsyncCalls {
  readonly #lookup: SomeLookup;
  readonly #limits: CallLimits;
  readonly #perCall: number;
  readonly #client: Client<unknown>;
  readonly #cache: LookupCache | undefined;
  readonly #keepsMissing: boolean;

  constructor(lookup: SomeLookup, limits: CallLimits, maxKeys: number) {
    this.#lookup = lookup;
    this.#limits = limits;
    this.#perCall = lookup.fetchMany === undefined ? 1 : maxKeys;
    this.#client = new Client(lookup);
    const cache = lookup.cache && cacheOf(lookup.cache);
    this.#cache = cache && new LookupCache(cache.ttl, cache.maxEntries);
    this.#keepsMissing = cache?.missing === true;
  }

  async pass(records: readonly AsyncRecord[], host: AsyncHost): Promise<void> {
    const wanted = this.#wanted(records, host);
    const calls: Wanted[][] = [];
    for (let i = 0; i < wanted.length; i += this.#perCall) calls.push(wanted.slice(i, i + this.#perCall));
    await inLanes(calls, this.#limits.capacity, (keys) => this.#ask(keys, host));
  }

  close(): Promise<void> {
    this.#cache?.clear();
    return this.#client.close();
  }

  /** Settles the records that nobody has to be asked for; the keys of the others, each once. */
  #wanted(records: readonly AsyncRecord[], { clock, count }: AsyncHost): Wanted[] {
    const wanted = new Map<KeyId, Wanted>();
    const now = clock.now();
    let hits = 0;
    let misses = 0;
    for (const record of records) {
      let key: unknown;
      let id: KeyId | undefined;
      try {
        key = this.#lookup.key(record.value);
        if (key instanceof Promise) throw returnedPromise('lookupJoin');
        id = key === null || key === undefined ? undefined : keyIdOf(key);
      } catch (error) {
        record.fail(error);
        continue;
      }
      if (id === undefined) {
        settle(record, key, undefined);
        continue;
      }
      const known = this.#cache?.find(id, now);
      if (known !== undefined) {
        hits++;
        settle(record, key, known.value);
        continue;
      }
      misses++;
      const waiting = wanted.get(id);
      if (waiting === undefined) wanted.set(id, { id, key, records: [record] });
      else waiting.records.push(record);
    }
    if (hits > 0) count('hits', hits);
    if (misses > 0) count('misses', misses);
    return [...wanted.values()];
  }

  /** One call, with its retries, and what becomes of those who wait for it. */
  async #ask(keys: readonly Wanted[], host: AsyncHost): Promise<void> {
    const { retryIf, retryMissing, onFailure } = this.#lookup;
    let left = keys;
    const call = async (signal: AbortSignal): Promise<void> => {
      const asked = left;
      if (asked.length === 0) return;
      const values = await this.#fetch(asked, signal);
      if (signal.aborted) return;
      const missing: Wanted[] = [];
      asked.forEach((each, i) => {
        const value = values[i] ?? undefined;
        if (value === undefined && retryMissing === true) missing.push(each);
        else this.#found(each, value, host);
      });
      left = missing;
      if (missing.length > 0) throw STILL_MISSING;
    };
    try {
      await attempted(call, this.#limits, host, (error) => error === STILL_MISSING || retryIf?.(error) !== false);
    } catch (error) {
      host.stop.throwIfAborted();
      if (error === STILL_MISSING) {
        for (const each of left) this.#found(each, undefined, host);
        return;
      }
      host.count('failures', left.length);
      for (const { key, records } of left) {
        for (const record of records) {
          if (onFailure === 'missing') settle(record, key, undefined);
          else record.fail(error);
        }
      }
    }
  }

  /** The values of the keys, in their order. */
  async #fetch(wanted: readonly Wanted[], signal: AbortSignal): Promise<readonly unknown[]> {
    const { fetch, fetchMany } = this.#lookup;
    const call: LookupCall<unknown> = { client: await this.#client.get(), signal };
    if (fetchMany === undefined) return [await fetch(wanted[0]!.key, call)];
    const found = await fetchMany(
      wanted.map(({ key }) => key),
      call,
    );
    if (found instanceof Map) {
      const byId = new Map([...found].map(([key, value]) => [keyIdOf(key), value]));
      return wanted.map(({ id }) => byId.get(id));
    }
    if (Array.isArray(found) && found.length === wanted.length) return found;
    throw new MillraceError(
      'operator-failed',
      `fetchMany returned ${Array.isArray(found) ? `${found.length} values for ${wanted.length} keys` : typeof found}`,
      { hint: 'return a Map of values by key, or an array with a value, or undefined, for each key in their order' },
    );
  }

  #found({ id, key, records }: Wanted, value: unknown, { clock, count }: AsyncHost): void {
    if (this.#cache !== undefined && (value !== undefined || this.#keepsMissing)) {
      const evicted = this.#cache.keep(id, value, clock.now());
      if (evicted > 0) count('evictions', evicted);
    }
    for (const record of records) settle(record, key, value);
  }
}

function settle(record: AsyncRecord, key: unknown, value: unknown): void {
  const looked: Looked = { record: record.value, key, value };
  record.settle(looked);
}

const cacheOf = (cache: LookupCacheOptions) => {
  const { ttl, maxEntries = 10_000, missing = true } = settings(cache);
  return { ttl, maxEntries, missing };
};

function cacheMistakes(cache: LookupCacheOptions | undefined): Mistake[] {
  if (cache === undefined) return [];
  const { ttl, maxEntries } = cacheOf(cache);
  const mistakes = [
    ...optionsMistakes(cache, lookupCacheNames),
    ...wholeMistakes('maxEntries of the cache', maxEntries, 1),
  ];
  if (Number.isFinite(ttl) && ttl > 0) return mistakes;
  return [...mistakes, { rule: `the ttl of its cache is ${ttl} ms`, fix: 'give a span such as minutes(5)' }];
}

function lookupMistakes({ key, fetch, fetchMany, onFailure }: SomeLookup): Mistake[] {
  const mistakes = functionMistakes(
    'the key of lookupJoin',
    key,
    'say what to look up: key: (record) => record.airport',
  );
  if ([fetch, fetchMany].filter((fn) => typeof fn === 'function').length !== 1) {
    mistakes.push({ rule: 'it needs one function that asks', fix: 'give it either fetch or fetchMany' });
  }
  if (onFailure !== undefined && onFailure !== 'fail' && onFailure !== 'missing') {
    mistakes.push({ rule: `its onFailure is '${String(onFailure)}'`, fix: `use 'fail' or 'missing'` });
  }
  return mistakes;
}
