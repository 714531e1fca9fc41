/** Part of the records: a share of them at random, a share of all entities, or every so many. */
import { hash64, type Key, type KeyId, keyIdOf } from '../model/index.ts';
import { definition, isObject, optionalMistakes, returnedPromise, unfit, unknownMistakes } from './author-code.ts';
import type { Mistake, OperatorDefinition } from './definition.ts';
import type { Operator, OperatorContext } from './operator.ts';

/** Each record with this probability, by itself: a function of its place in the log, so that a replay draws the same records. */
export interface RandomSample {
  /** From 0 to 1. */
  readonly fraction: number;
  readonly by?: undefined;
  readonly seed?: undefined;
  readonly every?: undefined;
}

/** All records of this share of keys, and none of the others. The same keys in every run, and with a larger fraction those and more. */
export interface EntitySample<T> {
  /** From 0 to 1. */
  readonly fraction: number;
  /** What is in or out as a whole: `(order) => order.customer`. */
  readonly by: (record: T) => Key;
  /** A whole number; each draws other keys. Default: 0. */
  readonly seed?: number;
  readonly every?: undefined;
}

/** The first record and then each n-th after it, of each key behind a `keyBy`, else of each task. Its counts are state: it needs an id. */
export interface EveryNth {
  readonly every: number;
  readonly fraction?: undefined;
  readonly by?: undefined;
  readonly seed?: undefined;
}

/** Which part of the records goes on. */
export type Sample<T> = RandomSample | EntitySample<T> | EveryNth;

/** The names of its settings; whether they are all is checked where types are tested, as of the others. */
export const sampleNames = ['fraction', 'by', 'seed', 'every'] as const;

/** Lets part of the records through, as they are and under their key. `keyed`: the stream is grouped by one. */
export function sampleOperator<T>(sample: Sample<T>, keyed: boolean): OperatorDefinition {
  if (!isObject(sample)) return unfit('sample', sample, 'give it a share, { fraction: 0.1 }, or { every: 10 }');
  const { fraction, every, seed = 0 } = sample;
  const by = sample.by as ((record: unknown) => unknown) | undefined;
  const counts = every !== undefined;
  return definition({
    type: 'sample',
    options: counts ? { every, keyed } : { fraction: fraction ?? null, ...(by === undefined ? {} : { seed }) },
    stateful: counts,
    state: counts ? { counts: 1 } : {},
    functions: by === undefined ? [] : [by],
    mistakes: [...mistakesIn(sample as Sample<unknown>), ...optionalMistakes('sample', by)],
    code: {
      create(context) {
        if (every !== undefined) return everyNth(every, keyed, context);
        return by === undefined ? atRandom(fraction!, context) : byEntity(fraction!, by, seed, context);
      },
    },
  });
}

function atRandom(fraction: number, { time, output }: OperatorContext): Operator {
  const out = output();
  return {
    inputs: [
      {
        record(value, at, key) {
          if (time.random() < fraction) out.record(value, at, key);
        },
      },
    ],
  };
}

/** An entity is in if its hash, as a number in [0, 1), is below the fraction. Not the hash that leads keys to tasks, so that every task has its share. */
function byEntity(
  fraction: number,
  by: (record: unknown) => unknown,
  seed: number,
  { output }: OperatorContext,
): Operator {
  const out = output();
  const hash = new Uint32Array(2);
  return {
    inputs: [
      {
        record(value, at, key) {
          const entity = by(value);
          if (entity instanceof Promise) throw returnedPromise('sample');
          hash64(keyIdOf(entity), hash);
          if (mixed(hash[0]! ^ Math.imul(seed, 0x9e3779b1)) < fraction * 0x1_0000_0000) out.record(value, at, key);
        },
      },
    ],
  };
}

/** Keeps of each key how many records have come since one went on; nothing while the next is to go on. */
function everyNth(every: number, keyed: boolean, { table, output }: OperatorContext): Operator {
  const out = output();
  const counts = table<number[]>('counts', { clone: (count) => count.slice(), numbers: true, domain: 'none' });
  return {
    inputs: [
      {
        record(value, at, key) {
          const of: KeyId = keyed ? key! : '';
          const cell = counts.find(of, undefined);
          if (cell === undefined) {
            if (every > 1) counts.create(of, undefined, [1]);
            out.record(value, at, key);
          } else if (cell.value[0]! + 1 >= every) {
            counts.remove(cell);
          } else {
            counts.touch(cell);
            cell.value[0]!++;
          }
        },
      },
    ],
  };
}

/** The finalizer of MurmurHash3 (Appleby 2011), as an unsigned number. */
function mixed(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function mistakesIn(sample: Sample<unknown>): Mistake[] {
  const { fraction, every, seed } = sample;
  const mistakes = unknownMistakes(sample, sampleNames);
  if ((fraction === undefined) === (every === undefined)) {
    mistakes.push({ rule: 'it has to be either a share or every so many', fix: 'give it either fraction or every' });
  }
  if (fraction !== undefined && !(fraction >= 0 && fraction <= 1)) {
    mistakes.push({ rule: `its fraction is ${fraction}`, fix: 'give a share from 0 to 1' });
  }
  if (every !== undefined && !(Number.isSafeInteger(every) && every >= 1)) {
    mistakes.push({ rule: `it takes every ${every}th record`, fix: 'give a whole number from 1' });
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    mistakes.push({ rule: `its seed is ${seed}`, fix: 'give a whole number' });
  }
  return mistakes;
}
