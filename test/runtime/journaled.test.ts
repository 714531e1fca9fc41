import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AsyncCall,
  type AsyncOptions,
  collection,
  exponentialDelay,
  milliseconds,
  noRestart,
  type PipelineOptions,
  pipeline,
  seconds,
  toMemory,
} from '../../lib/index.ts';
import { storedLetters } from '../../lib/runtime/index.ts';
import { framesIn, opened, settle, taskOf, testPorts } from './stage.ts';

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const give = { restart: noRestart(), fallback: 'dead-letter' } as const;

function enriched<R>(
  n: number,
  fn: (n: number, call: AsyncCall) => Promise<Iterable<R>> | Iterable<R>,
  options: AsyncOptions<number, Iterable<R>> = {},
  more: PipelineOptions = give,
) {
  const out = toMemory<R>();
  const built = pipeline(
    'enriched',
    (p) => {
      p.source('in', collection(numbers(n)))
        .asyncFlatMap('enrich', fn, options)
        .rebalance('again')
        .map((r) => r)
        .to('out', out);
    },
    { parallelism: 2, ...more },
  );
  return { pipeline: built, out };
}

describe('a journaled stage', () => {
  it('5: commits its outputs before it appends them, and says later that they are paid', async () => {
    const ports = testPorts();
    const { pipeline: built, out } = enriched(3, (n) => [n, n]);
    const run = await opened(built, ports);
    await taskOf(run, 'in').ring();
    const task = taskOf(run, 'enrich');
    ports.calls.length = 0;
    expect(await task.ring()).toMatchObject({ kind: 'advanced' });
    expect(ports.calls).toEqual(['put', 'append']);
    expect((await ports.commits.head('run', task.id))!.debts).toBeGreaterThan(0);
    expect(await task.ring()).toMatchObject({ kind: 'advanced' });
    expect((await ports.commits.head('run', task.id))!.debts).toBe(0);
    expect(await task.ring()).toMatchObject({ kind: 'idle' });
    await settle(run.tasks);
    expect([...out.records].sort()).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('5: whose process dies before the append has its debts paid first by the next one', async () => {
    const ports = testPorts();
    const { pipeline: built, out } = enriched(2, (n) => [n]);
    const run = await opened(built, ports, { limits: { batchMessages: 1, sourceRows: 1 } });
    await settle([taskOf(run, 'in')]);
    ports.faults.append = () => 'before';
    await expect(taskOf(run, 'enrich').ring()).rejects.toMatchObject({ kind: 'unavailable' });
    ports.faults.append = () => undefined;
    expect(await framesIn(ports, 'enriched.map-1')).toEqual([]);
    const next = await opened(built, ports);
    ports.calls.length = 0;
    await taskOf(next, 'enrich').ring();
    expect(ports.calls.slice(0, 2)).toEqual(['append', 'put']);
    await settle(next.tasks);
    expect([...out.records].sort()).toEqual([0, 1]);
  });

  it('5: keeps its debts when its end is fixed, when it is resumed, and when it stops', async () => {
    const ports = testPorts();
    const { pipeline: built, out } = enriched(
      4,
      (n) => {
        if (n === 2) throw new Error('never');
        return [n];
      },
      {},
      { restart: noRestart(), fallback: 'fail' },
    );
    const run = await opened(built, ports, { limits: { sourceRows: 1 } });
    await settle([taskOf(run, 'in')]);
    ports.faults.append = () => 'before';
    const task = taskOf(run, 'enrich');
    await expect(task.ring()).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await ports.commits.head('run', task.id))!).toMatchObject({ status: { kind: 'stopped' } });
    ports.faults.append = () => undefined;
    const { debts } = (await ports.commits.head('run', task.id))!;
    expect(debts).toBe(2);
    const next = await opened(built, ports);
    ports.faults.append = () => 'before';
    await expect(taskOf(next, 'enrich').resume()).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await ports.commits.head('run', task.id))!.debts).toBe(debts);
    ports.faults.append = () => undefined;
    expect(await taskOf(next, 'enrich').ring()).toMatchObject({ kind: 'stopped' });
    expect((await ports.commits.head('run', task.id))!.debts).toBe(0);
    await settle(next.tasks.filter(({ id }) => id.stage !== 'enrich'));
    expect([...out.records].sort()).toEqual([0, 1]);
  });

  it('7: takes one attempt’s outputs of a message whole, whatever the code does at each attempt', async () => {
    const fault = fc.option(fc.constantFrom('before' as const, 'after' as const), { nil: undefined, freq: 2 });
    const plan = fc.array(fault, { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(
        plan,
        plan,
        fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
        async (puts, appends, many) => {
          let attempts = 0;
          const ports = testPorts();
          const { pipeline: built, out } = enriched(8, (n) => {
            const attempt = attempts++;
            const size = many[attempt % many.length]!;
            if (size === 4) throw new Error('flaky');
            return Array.from({ length: size }, (_, i) => ({ n, attempt, i, size }));
          });
          const run = await opened(built, ports, { slots: 3, limits: { sourceRows: 2, batchMessages: 1 } });
          ports.faults.put = () => puts.shift();
          ports.faults.append = () => appends.shift();
          await settle(run.tasks);
          const letters = (await storedLetters(ports, 'enriched')).map(({ letter }) => letter.value);
          expect(new Set(letters).size).toBe(letters.length);
          for (const n of numbers(8)) {
            const of = out.records.filter((r) => r.n === n).sort((a, b) => a.i - b.i);
            expect(new Set(of.map((r) => r.attempt)).size).toBeLessThanOrEqual(1);
            expect(of.map((r) => r.i)).toEqual(numbers(of[0]?.size ?? 0));
            if (letters.includes(n)) expect(of).toEqual([]);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a decision to give a record up', () => {
  const sums = (n: number, isBad: (n: number) => boolean) => {
    const out = toMemory<number>();
    const built = pipeline(
      'sums',
      (p) => {
        p.source('in', collection(numbers(n)))
          .rebalance('spread')
          .map('check', (r) => {
            if (isBad(r)) throw new Error(`bad: ${r}`);
            return r;
          })
          .to('out', out);
      },
      { parallelism: 1, ...give },
    );
    return { pipeline: built, out };
  };

  it('13: is committed before its dead letter and anything behind it is sent', async () => {
    const ports = testPorts();
    const { pipeline: built } = sums(4, (n) => n === 1);
    const run = await opened(built, ports);
    await taskOf(run, 'in').ring();
    ports.calls.length = 0;
    await taskOf(run, 'check').ring();
    expect(ports.calls).toEqual(['put', 'append']);
  });

  it('13: stands when a later record of its message has to wait: it is told once, and not tried again', async () => {
    const ports = testPorts();
    const out = toMemory<number>();
    const met: number[] = [];
    let down = true;
    const built = pipeline(
      'two',
      (p) => {
        p.source('in', collection(numbers(10)))
          .rebalance('spread')
          .map(
            'check',
            (r) => {
              met.push(r);
              if (r === 2 || r === 6) throw new Error('bad');
              return r;
            },
            give,
          )
          .map(
            'ask',
            (r) => {
              if (down && r === 8) throw new Error('down');
              return r;
            },
            { restart: exponentialDelay({ attempts: 2, initial: seconds(1), jitter: 0 }) },
          )
          .to('out', out);
      },
      { parallelism: 1 },
    );
    const run = await opened(built, ports, { limits: { sourceRows: 5 } });
    const task = taskOf(run, 'check');
    await settle([taskOf(run, 'in')]);
    expect(await task.ring()).toMatchObject({ kind: 'waiting' });
    const head = await ports.commits.head('run', task.id);
    expect(head!.status).toMatchObject({ kind: 'backoff', offset: 1, unit: 3, skip: [1] });
    down = false;
    met.length = 0;
    ports.clock.advance(seconds(1));
    await settle(run.tasks);
    expect(met).toEqual([5, 7, 8, 9]);
    expect(out.records).toEqual([0, 1, 3, 4, 5, 7, 8, 9]);
    expect((await storedLetters(ports, 'two')).map(({ letter }) => letter.value)).toEqual([2, 6]);
  });

  it('costs one careful pass, also for a batch of which every record is given up', async () => {
    const n = 10_000;
    let calls = 0;
    const ports = testPorts();
    const refusal = new Error('never');
    const { pipeline: built, out } = sums(n, () => {
      calls++;
      throw refusal;
    });
    const run = await opened(built, ports, { limits: { sourceRows: n } });
    await taskOf(run, 'in').ring();
    ports.calls.length = 0;
    await taskOf(run, 'check').ring();
    expect(calls).toBe(1 + n);
    expect(ports.calls).toEqual(['put', 'append']);
    await settle(run.tasks);
    expect(calls).toBe(1 + n);
    expect(out.records).toEqual([]);
    const letters = (await storedLetters(ports, 'sums')).map(({ letter }) => letter.value);
    expect(letters).toEqual(numbers(n));
  });

  it('13: stands, and is told once, however often the process dies around it', async () => {
    const fault = fc.option(fc.constantFrom('before' as const, 'after' as const), { nil: undefined, freq: 2 });
    const plan = fc.array(fault, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(plan, plan, fc.uniqueArray(fc.nat(9)), async (puts, appends, bad) => {
        const ports = testPorts();
        const { pipeline: built, out } = sums(10, (n) => bad.includes(n));
        const run = await opened(built, ports, { slots: 2, limits: { sourceRows: 3, batchMessages: 2 } });
        ports.faults.put = () => puts.shift();
        ports.faults.append = () => appends.shift();
        await settle(run.tasks);
        const letters = (await storedLetters(ports, 'sums')).map(({ letter }) => letter.value as number);
        expect(letters.sort()).toEqual([...bad].sort());
        expect(out.records).toEqual(numbers(10).filter((n) => !bad.includes(n)));
      }),
      { numRuns: 40 },
    );
  });
});

describe('an asynchronous operator', () => {
  const later = () => new Promise((resolve) => setTimeout(resolve, 1));

  it('makes at most `capacity` calls at once, and results leave in the order of their causes', async () => {
    let busy = 0;
    let most = 0;
    const { pipeline: built, out } = enriched(
      12,
      async (n) => {
        most = Math.max(most, ++busy);
        for (let i = 12 - n; i > 0; i--) await Promise.resolve();
        await later();
        busy--;
        return [n];
      },
      { capacity: 4 },
    );
    const run = await opened(built, testPorts(), { limits: { sourceRows: 1 } });
    await settle([taskOf(run, 'in')]);
    await settle(run.tasks);
    expect(most).toBe(4);
    const [even, odd] = [0, 1].map((task) => out.tasks[task]!.map((r) => r.value));
    for (const part of [even!, odd!]) expect(part).toEqual([...part].sort((a, b) => a - b));
  });

  it('tries a failed call again after a delay that doubles, then gives the record up as it came', async () => {
    const ports = testPorts();
    const at: number[] = [];
    const start = ports.clock.now();
    const { pipeline: built, out } = enriched(
      2,
      (n) => {
        if (n === 0) return [n];
        at.push(ports.clock.now() - start);
        throw new Error('unreachable');
      },
      { retries: 2, retryDelay: milliseconds(100) },
    );
    const run = await opened(built, ports);
    const working = settle(run.tasks);
    for (let i = 0; i < 40; i++) {
      await later();
      ports.clock.advance(milliseconds(10));
    }
    await working;
    expect(at).toEqual([0, 100, 300]);
    expect(out.records).toEqual([0]);
    const [stored] = await storedLetters(ports, 'enriched');
    expect(stored!.letter).toMatchObject({
      value: 1,
      operator: 'enrich',
      kind: 'record',
      error: { message: 'unreachable' },
    });
  });

  it('gives up a call that takes too long, and tells it so', async () => {
    const ports = testPorts();
    let aborted = 0;
    const { pipeline: built } = enriched(
      1,
      (_, { signal }) => {
        signal.addEventListener('abort', () => aborted++);
        return new Promise<number[]>(() => {});
      },
      { timeout: seconds(5), retries: 1, retryDelay: milliseconds(1) },
    );
    const run = await opened(built, ports);
    const working = settle(run.tasks);
    for (let i = 0; i < 12; i++) {
      await later();
      ports.clock.advance(seconds(1));
    }
    await working;
    expect(aborted).toBe(2);
    const [stored] = await storedLetters(ports, 'enriched');
    expect(stored!.letter.error.message).toMatch(/longer than 5000 ms/);
  });

  it('follows the restart strategy when it keeps failing', async () => {
    const ports = testPorts();
    let calls = 0;
    const restart = exponentialDelay({ attempts: 2, initial: seconds(1), jitter: 0 });
    const { pipeline: built, out } = enriched(
      3,
      (n) => {
        if (n === 1 && calls++ < 2) throw new Error('later');
        return [n];
      },
      {},
      { restart, fallback: 'fail' },
    );
    const run = await opened(built, ports, { limits: { sourceRows: 1, batchMessages: 1 } });
    await settle(run.tasks);
    expect(await taskOf(run, 'enrich').ring()).toMatchObject({ kind: 'waiting', until: ports.clock.now() + 1_000 });
    ports.clock.advance(seconds(1));
    await settle(run.tasks);
    ports.clock.advance(seconds(2));
    await settle(run.tasks);
    expect([...out.records].sort()).toEqual([0, 1, 2]);
  });

  it('is not called for what was applied already, nor for records of another run', async () => {
    const calls: number[] = [];
    const ports = testPorts();
    const { pipeline: built } = enriched(4, (n) => {
      calls.push(n);
      return [n];
    });
    const run = await opened(built, ports);
    await taskOf(run, 'in').ring();
    const frames = await framesIn(ports, 'enriched.enrich');
    const again = frames.flatMap((frame) => [frame, { ...frame, run: 'another' }]);
    await ports.log.append(again.map((message) => ({ topic: 'enriched.enrich', partition: 0, message })));
    const task = taskOf(run, 'enrich');
    await task.ring();
    await ports.log.append(again.map((message) => ({ topic: 'enriched.enrich', partition: 0, message })));
    await task.ring();
    expect(calls).toEqual([0, 1, 2, 3]);
  });

  it.each([
    ['under way', { timeout: seconds(60) }, () => new Promise<number[]>(() => {})],
    ['waiting for another attempt', { retries: 9, retryDelay: seconds(60) }, () => Promise.reject(new Error('down'))],
  ])('%s is let go of when the run stops, and called again when it goes on', async (_how, options, hang) => {
    const ports = testPorts();
    const stop = new AbortController();
    let stopping = true;
    const told: unknown[] = [];
    const { pipeline: built, out } = enriched(
      5,
      (n, { signal }) => {
        signal.addEventListener('abort', () => told.push(n));
        return stopping && n === 1 ? hang() : [n];
      },
      { capacity: 2, ...options },
    );
    const run = await opened(built, ports, { signal: stop.signal });
    await settle([taskOf(run, 'in')]);
    const step = taskOf(run, 'enrich').ring();
    await later();
    expect(ports.clock.sleeping).toBe(1);
    stop.abort();
    expect(await step).toEqual({ kind: 'idle', nextOffset: 0, done: false });
    expect(ports.clock.sleeping).toBe(0);
    expect(told).toEqual([1]);
    expect(await taskOf(run, 'enrich').ring()).toMatchObject({ kind: 'idle', nextOffset: 0 });
    stopping = false;
    await settle((await opened(built, ports)).tasks);
    expect([...out.records].sort()).toEqual(numbers(5));
    expect(await storedLetters(ports, 'enriched')).toEqual([]);
  });
});
