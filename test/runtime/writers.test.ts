import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collection, type Duration, pipeline, sum, toFunction, toMemory } from '../../lib/index.ts';
import { comparePositions, NOTHING, taskName } from '../../lib/model/index.ts';
import { Controller, decodeBody, load, type Task } from '../../lib/runtime/index.ts';
import { framesIn, opened, settle, type TestPorts, taskOf, testPorts } from './stage.ts';

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Numbers in two partitions, each tripled, summed by their last digit, and told. */
function tripling(n: number) {
  const out = toMemory<string>();
  const built = pipeline(
    'tripling',
    (p) => {
      p.source('in', collection({ partitions: [numbers(n), numbers(n).map((i) => i + 100)] }))
        .flatMap((i) => [i, i, i])
        .keyBy('by-digit', (i) => i % 4)
        .aggregate('sums', { n: sum((i) => i) })
        .flatMap((r) => [`${r.key}:${r.n}`, `${r.key}:${r.n}!`])
        .to('out', out);
    },
    { parallelism: 2 },
  );
  return { pipeline: built, out };
}

const fault = fc.option(fc.constantFrom('before' as const, 'after' as const), { nil: undefined, freq: 2 });
const faults = fc.array(fault, { maxLength: 20 });

/** Notes each version that the store took. */
function watching(ports: TestPorts): readonly string[] {
  const committed: string[] = [];
  const put = ports.commits.putNow.bind(ports.commits);
  ports.commits.putNow = (...args) => {
    const outcome = put(...args);
    if (outcome === 'committed') committed.push(`${taskName(args[1])} ${args[3].header.version}`);
    return outcome;
  };
  return committed;
}

describe('several writers of the same tasks', () => {
  it('1: never both commit a version, and what the loser did changes nothing that anyone reads', async () => {
    const turns = fc.array(fc.tuple(fc.nat(2), fc.nat(3), fc.boolean()), { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(turns, faults, faults, async (turns, puts, appends) => {
        const ports = testPorts();
        const committed = watching(ports);
        const options = { slots: 3, limits: { sourceRows: 3, batchMessages: 2 } };
        const expected = tripling(8);
        const plain = testPorts();
        await settle((await opened(expected.pipeline, plain, options)).tasks);
        // A sink in memory bears one writer.
        const built = tripling(8).pipeline.withBindings({ sinks: { out: toFunction(() => {}) } });
        const processes = [await opened(built, ports, options)];
        while (processes.length < 3) processes.push(await opened(built, ports, options));
        ports.faults.put = () => puts.shift();
        ports.faults.append = () => appends.shift();
        const inner: Promise<unknown>[] = [];
        for (const [process, place, wait] of turns) {
          inner.push(processes[process]!.tasks[place]!.ring().catch(() => {}));
          if (wait) await Promise.all(inner.splice(0));
        }
        await Promise.all(inner);
        await settle(processes[0]!.tasks);
        expect(new Set(committed).size).toBe(committed.length);
        const states = async (tasks: readonly Task[]) =>
          Promise.all(
            tasks.map(async (task) => {
              const state = await load(task.host);
              const cells = state.store.tables.flatMap((t) => [...t.cells()].map((c) => [t.name, c.key, c.value]));
              await state.close();
              return [taskName(task.id), cells.sort(), state.channels.entries().map((c) => c.watermark)];
            }),
          );
        expect(await states(processes[0]!.tasks)).toEqual(
          await states((await opened(tripling(8).pipeline, plain)).tasks),
        );
      }),
      { numRuns: 25 },
    );
  });
});

describe('what a commit says', () => {
  it('5: every frame that a commit of the fast path tells of stood in the log before it', async () => {
    await fc.assert(
      fc.asyncProperty(faults, faults, async (puts, appends) => {
        const ports = testPorts();
        const { pipeline: built } = tripling(8);
        const run = await opened(built, ports, { slots: 3, limits: { sourceRows: 2 } });
        ports.faults.put = () => puts.shift();
        ports.faults.append = () => appends.shift();
        const put = ports.commits.put.bind(ports.commits);
        ports.commits.put = async (...args) => {
          const [, task, , { header, body }] = args;
          if (task.stage === 'in' && body.kind === 'inline') {
            const { sent } = decodeBody(body.bytes()).sheet;
            for (const q of [0, 1]) {
              const frames = await framesIn(ports, 'tripling.sums', q);
              const own = frames.filter(({ channel }) => channel.task === task.partition);
              const thru = own.reduce((a, f) => (comparePositions(f.thru, a) > 0 ? f.thru : a), NOTHING);
              const said = Object.values(sent)[0]?.[q]?.thru ?? NOTHING;
              expect(comparePositions(said, thru), `version ${header.version}`).toBeLessThanOrEqual(0);
            }
          }
          return put(...args);
        };
        await settle(run.tasks);
      }),
      { numRuns: 15 },
    );
  });

  it('12: of a sink is what its messages made, each whole and once: what is committed is never more nor less', async () => {
    await fc.assert(
      fc.asyncProperty(faults, faults, async (puts, appends) => {
        const ports = testPorts();
        const { pipeline: built, out } = tripling(8);
        const run = await opened(built, ports, { slots: 3, limits: { sourceRows: 2, batchMessages: 1 } });
        await settle(run.tasks.filter(({ id }) => id.stage === 'in'));
        ports.faults.put = () => puts.shift();
        ports.faults.append = () => appends.shift();
        for (const partition of [0, 1]) {
          const task = taskOf(run, 'sums', partition);
          const frames = await framesIn(ports, 'tripling.sums', partition);
          for (let turn = 0; turn < 40; turn++) {
            await task.ring().catch(() => {});
            const state = await load(task.host);
            const visible = (state.chain.sinks[0]!.state as number | undefined) ?? 0;
            const made = frames.slice(0, state.nextOffset).reduce((n, frame) => n + 2 * frame.values.length, 0);
            expect(visible).toBe(made);
            expect(out.tasks[partition]?.length ?? 0).toBeGreaterThanOrEqual(visible);
            await state.close();
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it('15: of a drained sender has arrived at its drained receivers, whatever went wrong on the way', async () => {
    await fc.assert(
      fc.asyncProperty(faults, faults, async (puts, appends) => {
        const ports = testPorts();
        const { pipeline: built } = tripling(8);
        const run = await opened(built, ports, { slots: 3, limits: { sourceRows: 3, batchMessages: 2 } });
        ports.faults.put = () => puts.shift();
        ports.faults.append = () => appends.shift();
        await settle(run.tasks);
        const zero = 0 as Duration;
        const controller = new Controller(run, ports, { skew: zero, grace: zero });
        expect(await controller.audit()).toEqual([]);
        for (const task of run.tasks.filter(({ id }) => id.stage === 'in')) {
          const edge = task.state!.chain.edges[0]!;
          edge.sent.forEach(({ thru }, q) => {
            const channel = taskOf(run, 'sums', q).state!.channels.state(edge.edge.id, task.id.partition);
            expect(channel?.thru ?? NOTHING).toEqual(thru);
          });
        }
      }),
      { numRuns: 15 },
    );
  });
});
