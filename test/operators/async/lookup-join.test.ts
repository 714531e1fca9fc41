import { describe, expect, it } from 'vitest';
import type { Key } from '../../../lib/model/index.ts';
import { milliseconds, minutes, seconds } from '../../../lib/model/index.ts';
import { type Lookup, lookupJoinOperator, type OperatorDefinition } from '../../../lib/operators/index.ts';
import { Harness } from '../harness.ts';
import { type Arrival, Passes } from './passes.ts';

interface Flight {
  readonly id: number;
  readonly to: Key | null;
}
type Made = readonly [id: number, name: string | undefined, key: unknown];

const flight = (id: number, to: Key | null): Arrival => [{ id, to }, id];
const later = () => new Promise<void>((resolve) => setImmediate(resolve));

function joined<C = undefined>(
  lookup: Omit<Lookup<Flight, Key, string, C>, 'key'>,
  kind: 'inner' | 'left' = 'left',
): OperatorDefinition {
  const whole = { key: ({ to }: Flight) => to, ...lookup } as Lookup<Flight, Key, string, C>;
  return lookupJoinOperator(kind, whole, ({ id }, name, key): Made => [id, name, key]);
}

/** What comes out of the operator for what the pass put in the records' places. */
function out(definition: OperatorDefinition, places: readonly unknown[]): { made: Made[]; unmatched: number } {
  const harness = new Harness(definition);
  for (const place of places) harness.record(place, 0);
  return { made: harness.values<Made>(), unmatched: harness.count('unmatched') };
}

describe('a lookup join', () => {
  it('gives each record the value of the key it names, in the order of the records', async () => {
    const names: Record<string, string> = { FRA: 'Frankfurt', JFK: 'New York' };
    const definition = joined({ fetch: (key) => later().then(() => names[key as string]) });
    const places = await new Passes(definition).pass([
      flight(1, 'JFK'),
      flight(2, 'XXX'),
      flight(3, null),
      flight(4, 'FRA'),
    ]);
    expect(out(definition, places)).toEqual({
      made: [
        [1, 'New York', 'JFK'],
        [2, undefined, 'XXX'],
        [3, undefined, null],
        [4, 'Frankfurt', 'FRA'],
      ],
      unmatched: 0,
    });
    const inner = joined({ fetch: (key) => names[key as string] ?? null }, 'inner');
    const found = await new Passes(inner).pass([flight(1, 'JFK'), flight(2, 'XXX'), flight(3, null)]);
    expect(out(inner, found)).toEqual({ made: [[1, 'New York', 'JFK']], unmatched: 2 });
  });

  it('asks for each key of a batch once, keys by what they are worth, for at most `capacity` at once', async () => {
    const asked: Key[] = [];
    let [busy, most] = [0, 0];
    const definition = joined({
      capacity: 3,
      async fetch(key) {
        asked.push(key);
        most = Math.max(most, ++busy);
        for (let i = 0; i < 3; i++) await later();
        busy--;
        return String(key);
      },
    });
    const passes = new Passes(definition);
    const keys = Array.from({ length: 40 }, (_, i): Key => ['to', i % 8]);
    const places = await passes.pass(keys.map((key, i) => flight(i, key)));
    expect(asked).toEqual(keys.slice(0, 8));
    expect(most).toBe(3);
    expect(out(definition, places).made).toEqual(keys.map((key, i) => [i, String(key), key]));
    expect(passes.counts).toEqual({ misses: 40 });
    await passes.pass([flight(41, ['to', 1])]);
    expect(asked).toHaveLength(9);
  });

  it('asks for several keys by one call, and takes a map, by equal keys, or a list', async () => {
    const asked: number[] = [];
    for (const shape of ['map', 'list'] as const) {
      const definition = joined({
        maxKeys: 4,
        async fetchMany(keys) {
          asked.push(keys.length);
          const names = keys.map((key): [Key, string | null] => [
            structuredClone(key),
            (key as number[])[0]! % 2 ? 'odd' : null,
          ]);
          return shape === 'map' ? new Map(names) : names.map(([, name]) => name);
        },
      });
      const places = await new Passes(definition).pass(Array.from({ length: 20 }, (_, i) => flight(i, [i % 10])));
      expect(out(definition, places).made.map(([, name]) => name)).toEqual(
        Array.from({ length: 20 }, (_, i) => (i % 2 ? 'odd' : undefined)),
      );
    }
    expect(asked).toEqual([4, 4, 2, 4, 4, 2]);
    const short = joined({ fetchMany: () => ['one'] });
    const [failure] = await new Passes(short).pass([flight(1, 'a'), flight(2, 'b')]);
    expect(failure).toMatchObject({ message: 'fetchMany returned 1 values for 2 keys' });
  });

  it('remembers values, and that there was none, until their time is over', async () => {
    const asked: Key[] = [];
    const definition = joined({
      cache: { ttl: minutes(1) },
      fetch: (key) => {
        asked.push(key);
        return key === 'none' ? null : `${String(key)} ${asked.length}`;
      },
    });
    const passes = new Passes(definition);
    const look = async () => out(definition, await passes.pass([flight(1, 'a'), flight(2, 'none')])).made;
    const first = await look();
    passes.clock.advance(milliseconds(59_999));
    expect(await look()).toEqual(first);
    expect(passes.counts).toEqual({ misses: 2, hits: 2 });
    passes.clock.advance(milliseconds(1));
    expect(await look()).toEqual([
      [1, 'a 3', 'a'],
      [2, undefined, 'none'],
    ]);
    expect(asked).toEqual(['a', 'none', 'a', 'none']);

    const forgetful = joined({ cache: { ttl: minutes(1), missing: false }, fetch: (key) => void asked.push(key) });
    const again = new Passes(forgetful);
    for (let i = 0; i < 2; i++) await again.pass([flight(1, 'n')]);
    expect(asked.slice(4)).toEqual(['n', 'n']);
  });

  it('remembers as many keys as it may, and drops the one not asked for the longest', async () => {
    const asked: Key[] = [];
    const fetch = (key: Key) => {
      asked.push(key);
      return String(key);
    };
    const passes = new Passes(joined({ cache: { ttl: minutes(1), maxEntries: 2 }, fetch }));
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await passes.pass([flight(1, key)]);
    expect(asked).toEqual(['a', 'b', 'c', 'b']);
    expect(passes.counts).toEqual({ misses: 4, hits: 2, evictions: 2 });
    await passes.calls.close();
    await passes.pass([flight(1, 'a')]);
    expect(asked).toHaveLength(5);
  });

  it('tries a failed call again, and does not remember that it failed', async () => {
    let calls = 0;
    const definition = joined({
      retries: 2,
      cache: { ttl: minutes(1) },
      fetch: () => {
        if (++calls <= 4) throw new Error(`down ${calls}`);
        return 'up';
      },
    });
    const passes = new Passes(definition);
    const [failed, too] = await passes.during(passes.pass([flight(1, 'a'), flight(2, 'a')]));
    expect(failed).toMatchObject({ message: 'down 3' });
    expect(too).toBe(failed);
    const places = await passes.during(passes.pass([flight(1, 'a')]));
    expect(out(definition, places).made).toEqual([[1, 'up', 'a']]);
    expect(calls).toBe(5);
    expect(passes.counts).toEqual({ misses: 3, failures: 1 });
  });

  it('gives up at once where trying again cannot help, and goes on without a value if it may', async () => {
    let calls = 0;
    const definition = joined({
      retries: 5,
      retryIf: (error) => (error as Error).message !== 'forbidden',
      onFailure: 'missing',
      cache: { ttl: minutes(1) },
      fetch: () => {
        calls++;
        throw new Error('forbidden');
      },
    });
    const passes = new Passes(definition);
    for (let i = 1; i <= 2; i++) {
      expect(out(definition, await passes.pass([flight(1, 'a')])).made).toEqual([[1, undefined, 'a']]);
      expect(calls).toBe(i);
    }
  });

  it('does not ask again for what is missing unless it may be late', async () => {
    let calls = 0;
    const passes = new Passes(joined({ retries: 3, fetch: () => void calls++ }));
    await passes.pass([flight(1, 'a')]);
    expect(calls).toBe(1);
  });

  it('asks again for what is missing only, if it may be late', async () => {
    const asked: (readonly Key[])[] = [];
    const definition = joined({
      retries: 2,
      retryMissing: true,
      retryIf: () => false,
      fetchMany: (keys) => {
        asked.push(keys);
        return new Map(
          keys.filter((key) => key === 'there' || (key === 'late' && asked.length === 2)).map((key) => [key, 'x']),
        );
      },
    });
    const passes = new Passes(definition);
    const places = await passes.during(passes.pass([flight(1, 'late'), flight(2, 'there'), flight(3, 'never')]));
    expect(out(definition, places).made.map(([, name]) => name)).toEqual(['x', 'x', undefined]);
    expect(asked).toEqual([['late', 'there', 'never'], ['late', 'never'], ['never']]);
    expect(passes.counts).toEqual({ misses: 3 });
  });

  it('gives up a call that takes too long, which changes nothing by ending later', async () => {
    const answers: ((name: string) => void)[] = [];
    const told: boolean[] = [];
    const definition = joined({
      timeout: seconds(1),
      retries: 1,
      cache: { ttl: minutes(1) },
      fetch: (_, { signal }) => {
        signal.addEventListener('abort', () => told.push(true));
        return new Promise((resolve) => answers.push(resolve));
      },
    });
    const passes = new Passes(definition);
    const [failed] = await passes.during(passes.pass([flight(1, 'a')]));
    expect(failed).toMatchObject({ message: 'the call took longer than 1000 ms' });
    expect(told).toEqual([true, true]);
    for (const answer of answers) answer('too late');
    await later();
    const next = passes.pass([flight(2, 'a')]);
    await later();
    answers.at(-1)!('in time');
    expect(out(definition, await next).made).toEqual([[2, 'in time', 'a']]);
  });

  it('lets go when the host stops', async () => {
    const passes = new Passes(joined({ fetch: () => new Promise(() => {}) }));
    const pass = passes.pass([flight(1, 'a')]);
    await later();
    passes.stop.abort(new Error('over'));
    await expect(pass).rejects.toThrow('over');
    expect(passes.clock.sleeping).toBe(0);
  });

  it('opens its client at the first call, once, and closes it', async () => {
    const story: string[] = [];
    const definition = joined<{ name: string }>({
      retries: 1,
      open: async () => {
        story.push('open');
        await later();
        if (story.length === 1) throw new Error('refused');
        return { name: `client ${story.length}` };
      },
      close: ({ name }) => void story.push(`close ${name}`),
      fetch: (_, { client }) => client.name,
    });
    const passes = new Passes(definition);
    expect(await passes.pass([flight(0, null)])).toHaveLength(1);
    await passes.calls.close();
    expect(story).toEqual([]);
    const places = await passes.during(passes.pass([flight(1, 'a'), flight(2, 'b')]));
    expect(out(definition, places).made.map(([, name]) => name)).toEqual(['client 2', 'client 2']);
    expect(story).toEqual(['open', 'open']);
    await passes.calls.close();
    await passes.calls.close();
    expect(story).toEqual(['open', 'open', 'close client 2']);
    await passes.pass([flight(3, 'c')]);
    expect(story.at(-1)).toBe('open');
  });

  it('fails a record whose key is none, and not the others', async () => {
    const definition = joined({ fetch: (key) => String(key) });
    const places = await new Passes(definition).pass([flight(1, Number.NaN), flight(2, 'a')]);
    expect(places[0]).toMatchObject({ kind: 'bad-record' });
    expect(out(definition, places.slice(1)).made).toEqual([[2, 'a', 'a']]);
  });

  it('says what is wrong with its options', () => {
    const rules = (lookup: object) => joined(lookup as never).mistakes!.map(({ rule }) => rule);
    const fetch = () => 'x';
    expect(rules({ fetch })).toEqual([]);
    expect(rules({})).toEqual(['it needs one function that asks']);
    expect(rules({ fetch, fetchMany: fetch })).toEqual(['it needs one function that asks']);
    expect(rules({ fetch, cache: { ttl: 0, maxEntries: 0 } })).toHaveLength(2);
    expect(rules({ fetchMany: fetch, maxKeys: 0 })).toHaveLength(1);
    expect(rules({ fetch, onFailure: 'skip' })).toHaveLength(1);
    expect(rules({ fetch, key: 5 })).toEqual(['the key of lookupJoin takes a function, not number']);
    expect(rules({ fetch, key: async () => 'a' })).toEqual(['the function of the key of lookupJoin is async']);
  });
});
