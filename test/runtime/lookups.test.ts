import { describe, expect, it } from 'vitest';
import {
  collection,
  type Lookup,
  milliseconds,
  minutes,
  noRestart,
  type PipelineOptions,
  pipeline,
  seconds,
  toMemory,
} from '../../lib/index.ts';
import { storedLetters } from '../../lib/runtime/index.ts';
import { framesIn, opened, settle, taskOf, testPorts } from './stage.ts';

interface Answer {
  readonly n: number;
  readonly name: string | undefined;
}

/** Numbers joined to what is found for their last digit, once behind a key with state, so that the lookup begins a stage that goes on. */
function looked<C = undefined>(
  n: number,
  lookup: Omit<Lookup<number, number, string, C>, 'key'>,
  options: PipelineOptions = {},
) {
  const out = toMemory<Answer>();
  const counted = toMemory<{ key: number; value: number }>();
  const built = pipeline(
    'looked',
    (p) => {
      const answers = p
        .source('in', collection(Array.from({ length: n }, (_, i) => i)))
        .keyBy('by-digit', (i) => i % 10)
        .leftLookupJoin(
          'names',
          { key: (i) => i % 10, ...lookup } as Lookup<number, number, string, C>,
          (i, name): Answer => ({
            n: i,
            name,
          }),
        );
      answers
        .aggregate('count', {
          create: () => 0,
          add: (a: number) => a + 1,
          merge: (a: number, b: number) => a + b,
          result: (a: number) => a,
          clone: (a: number) => a,
        })
        .to('counted', counted);
      answers
        .rebalance('again')
        .map((answer) => answer)
        .to('out', out);
    },
    { parallelism: 2, restart: noRestart(), fallback: 'dead-letter', ...options },
  );
  return { built, out, counted };
}

describe('a lookup join', () => {
  it('begins a stage that keeps the key, so that state by key follows without an exchange', async () => {
    const { built, out, counted } = looked(40, { fetch: (digit) => `name of ${digit}` });
    expect(built.plan.stages.map(({ id, nodes, journaled }) => [id, nodes, journaled])).toEqual([
      ['in', [], false],
      ['count', ['names', 'count', 'counted'], true],
      ['out', ['map-1', 'out'], false],
    ]);
    const ports = testPorts();
    await settle((await opened(built, ports)).tasks);
    expect(out.records.toSorted((a, b) => a.n - b.n)).toEqual(
      Array.from({ length: 40 }, (_, n) => ({ n, name: `name of ${n % 10}` })),
    );
    expect(
      counted.records
        .filter(({ value }) => value === 4)
        .map(({ key }) => key)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('stands by the answers that it has committed, whatever has changed outside by the time they are sent', async () => {
    const ports = testPorts();
    let version = 1;
    const { built, out } = looked(10, { cache: { ttl: minutes(5) }, fetch: (digit) => `${digit} v${version}` });
    const run = await opened(built, ports, { limits: { batchMessages: 1, sourceRows: 5 } });
    await settle([taskOf(run, 'in')]);
    ports.faults.append = () => 'before';
    for (const partition of [0, 1])
      await expect(taskOf(run, 'count', partition).ring()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await framesIn(ports, 'looked.out')).toEqual([]);
    ports.faults.append = () => undefined;
    version = 2;
    await settle((await opened(built, ports)).tasks);
    const versions = out.records.toSorted((a, b) => a.n - b.n).map(({ name }) => name);
    expect(versions).toEqual(Array.from({ length: 10 }, (_, n) => `${n} v${n < 5 ? 1 : 2}`));
  });

  it('answers a step that was lost from the cache of its process', async () => {
    const ports = testPorts();
    let calls = 0;
    const { built, out } = looked(10, { cache: { ttl: minutes(5) }, fetch: (digit) => `${digit} ${++calls > 0}` });
    const run = await opened(built, ports);
    await settle([taskOf(run, 'in')]);
    const faults: ('before' | undefined)[] = ['before', 'before', undefined];
    ports.faults.put = () => faults.shift();
    await settle(run.tasks);
    expect(calls).toBe(10);
    expect(out.records).toHaveLength(10);
  });

  it('counts what the cache had and had not, each task for itself', async () => {
    const ports = testPorts();
    const { built } = looked(40, {
      cache: { ttl: minutes(5), maxEntries: 3 },
      fetch: (digit) => (digit === 0 ? null : `${digit}`),
    });
    const run = await opened(built, ports, { limits: { sourceRows: 20, batchMessages: 1 } });
    await settle(run.tasks);
    const of = (what: string): number => ports.telemetry.counter(`millrace.records.${what}`, { operator: 'names' });
    expect(of('hits') + of('misses')).toBe(40);
    expect(of('hits')).toBeGreaterThan(0);
    expect(of('evictions')).toBeGreaterThan(0);
    expect(of('failures')).toBe(0);
  });

  it('fails the records whose key could not be asked for, as an operator fails, under its own name', async () => {
    const ports = testPorts();
    const { built, out } = looked(20, {
      retries: 1,
      retryDelay: milliseconds(0),
      fetch: (digit) => {
        if (digit === 7) throw new Error('no sevens');
        return `${digit}`;
      },
    });
    const run = await opened(built, ports);
    let done = false;
    const working = settle(run.tasks).finally(() => {
      done = true;
    });
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      ports.clock.advance(milliseconds(1));
    }
    await working;
    expect(out.records).toHaveLength(18);
    const letters = (await storedLetters(ports, 'looked')).map(({ letter }) => letter);
    expect(letters.map(({ value }) => value)).toEqual([7, 17]);
    expect(letters[0]).toMatchObject({ operator: 'names', key: 7, error: { message: 'no sevens' } });
    expect(ports.telemetry.counter('millrace.records.failures', { operator: 'names' })).toBe(1);
  });

  it.each(['rest', 'close'])(
    'opens a client for each task when it has something to ask, and closes it with the task: %s',
    async (how) => {
      const ports = testPorts();
      const story: string[] = [];
      let clients = 0;
      const { built, out } = looked<{ id: number }>(10, {
        open: () => ({ id: ++clients }),
        close: ({ id }) => {
          story.push(`close ${id}`);
          throw new Error('already');
        },
        fetch: (digit, { client }) => `${digit} by ${client.id}`,
      });
      const run = await opened(built, ports, { limits: { sourceRows: 4 } });
      expect(clients).toBe(0);
      await settle(run.tasks);
      expect(clients).toBe(2);
      expect(new Set(out.records.map(({ name }) => name?.slice(-1)))).toEqual(new Set(['1', '2']));
      if (how === 'rest') for (const task of run.tasks) await task.rest();
      else await run.close();
      expect(story.toSorted()).toEqual(['close 1', 'close 2']);
      await run.close();
      expect(story).toHaveLength(2);
      expect(
        ports.telemetry.lines().filter(({ message }) => message.includes('could not close its client: already')),
      ).toHaveLength(2);
    },
  );
});

describe('an asynchronous operator', () => {
  it('may say what a record comes to whose call has failed or taken too long', async () => {
    const ports = testPorts();
    const out = toMemory<string>();
    const built = pipeline(
      'instead',
      (p) => {
        p.source('in', collection([0, 1, 2, 3]))
          .async(
            'ask',
            (n, { client }) => {
              if (n === 1) throw new Error('down');
              return n === 2 ? new Promise<string>(() => {}) : `${client} ${n}`;
            },
            {
              open: () => 'asked',
              timeout: seconds(1),
              onFailure: (n, error) => {
                if (n === 3) throw error;
                return `${n}: ${(error as Error).message}`;
              },
            },
          )
          .to('out', out);
      },
      { restart: noRestart() },
    );
    const working = settle((await opened(built, ports)).tasks);
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      ports.clock.advance(seconds(1));
    }
    await working;
    expect(out.records).toEqual(['asked 0', '1: down', '2: the call took longer than 1000 ms', 'asked 3']);
  });
});
