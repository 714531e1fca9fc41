import { describe, expect, it } from 'vitest';
import { openEmbedded } from '../../lib/embedded/index.ts';
import {
  collection,
  epochMillis,
  type MillraceError,
  noRestart,
  type Pipeline,
  pipeline,
  seconds,
  toFunction,
  toMemory,
} from '../../lib/index.ts';
import { type OpenRun, storedLetters } from '../../lib/runtime/index.ts';
import { opened, settle, type TestPorts, testPorts } from './stage.ts';

interface Row {
  readonly id: number;
  readonly key: string;
  readonly text: string;
}

const LIMIT = 6_000;
const give = { restart: noRestart(), fallback: 'dead-letter' } as const;
const row = (id: number, text = '', key = 'k'): Row => ({ id, key, text });
const huge = 'x'.repeat(2 * LIMIT);

async function worked(built: Pipeline, ports: TestPorts = testPorts({ maxMessageBytes: LIMIT })): Promise<OpenRun> {
  const run = await opened(built, ports, { limits: { sourceRows: 3, batchMessages: 2 } });
  await settle(run.tasks);
  return run;
}

const lettersOf = async (ports: TestPorts, name: string) =>
  (await storedLetters(ports, name)).map(({ letter }) => letter);

/** Rows through one exchange by key, made longer on the way. */
function longer(rows: readonly Row[], make: (row: Row) => unknown = (r) => r) {
  const out = toMemory<Row>();
  const built = pipeline(
    'longer',
    (p) => {
      p.source('in', collection(rows), { eventTime: (r) => epochMillis(r.id) })
        .map('make', (r) => make(r) as Row)
        .keyBy('by-key', (r) => (r.key === 'huge' ? huge : r.key))
        .reduce('last', (_, b) => b)
        .to('out', out);
    },
    { parallelism: 1, ...give },
  );
  return { pipeline: built, out, ids: () => out.records.map((r) => r.id) };
}

describe('records longer than the log takes', () => {
  it('13: made on the way: the one that caused it goes to the dead letters, the rest goes on', async () => {
    const ports = testPorts({ maxMessageBytes: LIMIT });
    const { pipeline: built, ids } = longer(
      [0, 1, 2, 3, 4].map((id) => row(id)),
      (r) => (r.id === 2 ? { ...r, text: huge } : r),
    );
    await worked(built, ports);
    expect(ids()).toEqual([0, 1, 3, 4]);
    const [letter, ...others] = await lettersOf(ports, 'longer');
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      value: row(2),
      offset: 2,
      error: { kind: 'bad-record', message: /longer than the 6000/ },
    });
  });

  it('13: that came so: told in the dead letters as far as they fit', async () => {
    const ports = testPorts({ maxMessageBytes: LIMIT });
    const { pipeline: built, ids } = longer([row(0), row(1, huge), row(2)]);
    await worked(built, ports);
    expect(ids()).toEqual([0, 2]);
    const [letter, ...others] = await lettersOf(ports, 'longer');
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ offset: 1, error: { kind: 'bad-record' } });
    expect(letter!.value).toMatch(/^\{"id":1,"key":"k","text":"xxxx/);
    expect((letter!.value as string).length).toBeLessThan(LIMIT);
  });

  it('13: by their key alone', async () => {
    const ports = testPorts({ maxMessageBytes: LIMIT });
    const { pipeline: built, ids } = longer([row(0), row(1, '', 'huge'), row(2)]);
    await worked(built, ports);
    expect(ids()).toEqual([0, 2]);
    expect((await lettersOf(ports, 'longer')).map((l) => [l.operator, l.offset])).toEqual([['by-key', 1]]);
  });

  it('7: many that fit alone are split over several messages, and arrive once', async () => {
    const ports = testPorts({ maxMessageBytes: LIMIT });
    const rows = Array.from({ length: 30 }, (_, id) => row(id, 'y'.repeat(1_000)));
    const { pipeline: built, ids } = longer(rows);
    await opened(built, ports);
    await worked(built, ports);
    expect(ids()).toEqual(rows.map((r) => r.id));
  });
});

describe('records that cannot be encoded', () => {
  class Money {}
  const strange = (id: number): Row => ({ ...row(id), text: new Money() as unknown as string });

  it('13: that came so: told in the dead letters by what can be said of them', async () => {
    const ports = testPorts();
    const { pipeline: built, ids } = longer([row(0), strange(1), row(2)]);
    await worked(built, ports);
    expect(ids()).toEqual([0, 2]);
    const [letter] = await lettersOf(ports, 'longer');
    expect(letter).toMatchObject({ offset: 1, error: { kind: 'bad-record' } });
    expect(letter!.value).toMatch(/"id":1/);
  });

  it('13: bound for a sink of a journaled stage, whose commit must hold them', async () => {
    const ports = testPorts();
    const out = toMemory<unknown>();
    const built = pipeline(
      'sinking',
      (p) => {
        p.source('in', collection([0, 1, 2]))
          .async('make', (n) => (n === 1 ? new Money() : n))
          .to('out', out);
      },
      give,
    );
    await worked(built, ports);
    expect(out.records).toEqual([0, 2]);
    expect((await lettersOf(ports, 'sinking')).map((l) => l.value)).toEqual([1]);
  });

  it('are no matter where nothing is encoded', async () => {
    const { pipeline: built, ids } = longer([row(0), row(1)]);
    const open = await openEmbedded(built);
    expect(await open.run.run()).toMatchObject({ kind: 'finished' });
    await open.close();
    expect(ids()).toEqual([0, 1]);
  });
});

describe('a sink that fails', () => {
  const failing = (fails: () => boolean) => {
    const seen: number[] = [];
    const built = pipeline('failing', (p) => {
      p.source('in', collection([1, 2, 3]))
        .rebalance('spread', { parallelism: 1 })
        .map((r) => r)
        .to(
          'out',
          toFunction((records: readonly number[]) => {
            if (fails()) throw new Error('the address is taken');
            seen.push(...records);
          }),
        );
    });
    return { pipeline: built, seen };
  };

  it('is what a run in memory says stopped it', async () => {
    let times = 0;
    const { pipeline: built } = failing(() => times++ > 1);
    const open = await openEmbedded(built, { limits: { sourceRows: 1, batchMessages: 1 } });
    const end = await open.run.run();
    await open.close();
    expect(end.kind).toBe('failed');
    expect((end.error as MillraceError).message).toMatch(/the address is taken/);
  });

  it('is tried again as the restart strategy says, and loses nothing once it works', async () => {
    let times = 2;
    const { pipeline: built, seen } = failing(() => times-- > 0);
    const ports = testPorts();
    const run = await opened(built, ports);
    await settle(run.tasks);
    const task = run.tasks.at(-1)!;
    for (const wait of [100, 200]) {
      const result = await task.ring();
      expect(result).toEqual({ kind: 'waiting', until: expect.closeTo(ports.clock.now() + wait, -2) });
      ports.clock.advance(seconds(1));
    }
    await settle(run.tasks);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('stops its task when the restarts are used up, and goes on when it is resumed', async () => {
    let times = 4;
    const { pipeline: built, seen } = failing(() => times-- > 0);
    const ports = testPorts();
    const run = await opened(built, ports);
    const task = run.tasks.at(-1)!;
    for (let turn = 0; turn < 4; turn++) {
      for (const each of run.tasks) await each.ring();
      ports.clock.advance(seconds(10));
    }
    expect(await task.ring()).toMatchObject({
      kind: 'stopped',
      reason: 'failed',
      error: { message: /address is taken/ },
    });
    expect(seen).toEqual([]);
    await task.resume();
    await settle(run.tasks);
    expect(seen).toEqual([1, 2, 3]);
  });
});
