import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SourceConnector, seconds, type WallTime } from '../../lib/index.ts';
import { comparePositions, NOTHING } from '../../lib/model/index.ts';
import type { LogMessage } from '../../lib/ports/index.ts';
import type { Frame } from '../../lib/protocol/index.ts';
import { load, type Task } from '../../lib/runtime/index.ts';
import { Feed, TestDriver, type TestDriverOptions } from '../../lib/testing/index.ts';
import { chainRecipe, cook, type Item, itemsOf, type Recipe, wideRecipe } from './recipe.ts';
import { messagesIn, opened, testPorts } from './stage.ts';

/** How a run goes: how many records come at once, and what happens in between. */
interface Schedule {
  readonly chunks: readonly number[];
  readonly restarts: readonly boolean[];
  readonly options: TestDriverOptions;
}

const schedule: fc.Arbitrary<Schedule> = fc.record({
  chunks: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
  restarts: fc.array(fc.boolean(), { maxLength: 8 }),
  options: fc.record({
    batch: fc.option(fc.integer({ min: 1, max: 5 }), { nil: 1_000 }),
    restartAlways: fc.constantFrom(false, false, false, true),
    deliverTwice: fc.constantFrom(false, false, true),
  }),
});

/** Results of a recipe over items, which are dealt to sources and partitions in turn. */
async function results(
  recipe: Recipe,
  items: readonly Item[],
  width: number,
  { chunks, restarts, options }: Schedule,
): Promise<Record<string, readonly unknown[]>> {
  const driver = await TestDriver.open(cook(recipe, width), { ...options, partitions: width });
  const lanes = Array.from({ length: width * recipe.sources }, (_, lane) =>
    items.filter((_, i) => i % (width * recipe.sources) === lane),
  );
  for (let turn = 0; lanes.some((lane) => lane.length > 0); turn++) {
    for (const [lane, waiting] of lanes.entries()) {
      const some = waiting.splice(0, chunks[(turn + lane) % chunks.length]);
      if (some.length > 0) await driver.feed(`in-${lane % recipe.sources}`, some, Math.floor(lane / recipe.sources));
    }
    if (restarts[turn] === true) await driver.restart();
  }
  await driver.end();
  const sinks = [
    'out',
    ...[recipe.first, recipe.second].flatMap((op, i) => (op?.kind === 'window' ? [`late-${i + 1}`] : [])),
  ];
  const found = Object.fromEntries(sinks.map((sink) => [sink, driver.all(sink)]));
  await driver.close();
  return found;
}

const sorted = (found: Record<string, readonly unknown[]>) =>
  Object.fromEntries(Object.entries(found).map(([sink, rows]) => [sink, rows.map((r) => JSON.stringify(r)).sort()]));

const plainSchedule: Schedule = { chunks: [1_000], restarts: [], options: { batch: 1_000 } };

describe('results do not depend on how upstream batches were cut', () => {
  it('4: of one channel: not even their order, nor what is late', async () => {
    await fc.assert(
      fc.asyncProperty(chainRecipe, itemsOf(2_500, 40), schedule, async (recipe, items, cut) => {
        const expected = await results(recipe, items, 1, plainSchedule);
        expect(await results(recipe, items, 1, cut)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('4: of several, for records within their source’s bound and operators that mind no order', async () => {
    await fc.assert(
      fc.asyncProperty(
        wideRecipe.chain((recipe) => fc.tuple(fc.constant(recipe), itemsOf(recipe.bound, 40))),
        schedule,
        schedule,
        async ([recipe, items], one, other) => {
          const expected = sorted(await results(recipe, items, 2, one));
          expect(sorted(await results(recipe, items, 2, other))).toEqual(expected);
          expect(expected['late-1'] ?? []).toEqual([]);
          expect(expected['late-2'] ?? []).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});

/** The records and final time of all channels out of a task, however they lie in frames. */
const flat = (frames: readonly Frame[]): unknown => {
  const channels: Record<string, { records: unknown[]; watermark: number }> = {};
  const thru = new Map<string, { cause: number; k: number }>();
  for (const frame of frames) {
    const name = `${frame.channel.edge}#${frame.channel.task}`;
    channels[name] ??= { records: [], watermark: Number.NEGATIVE_INFINITY };
    const channel = channels[name];
    frame.values.forEach((value, i) => {
      const position = { cause: frame.causes[i]!, k: frame.ks[i]! };
      if (comparePositions(position, thru.get(name) ?? NOTHING) > 0)
        channel.records.push([value, frame.times[i], frame.keys?.[i], position]);
    });
    thru.set(name, frame.thru);
    channel.watermark = Math.max(channel.watermark, frame.steps.at(-1) ?? Number.NEGATIVE_INFINITY);
  }
  return channels;
};

/** Everything that a task's commits say of it, but for how often it committed. */
async function stateOf(task: Task): Promise<unknown> {
  const state = await load(task.host);
  const found = {
    cells: state.store.tables.map((table) =>
      [...table.cells()].map((c) => [table.name, c.key, c.sub, c.value, c.timer]).sort(),
    ),
    channels: state.channels.entries(),
    edges: state.channels.edges(),
    watermark: state.watermark,
    processingTime: state.unit.processingTime,
    nextOffset: state.nextOffset,
  };
  await state.close();
  return found;
}

interface Recorded {
  readonly time: number;
  readonly topic: string;
  readonly partition: number;
  readonly message: LogMessage['message'];
}

const feedsOf = ({ sources }: Recipe): Record<string, SourceConnector<unknown>> =>
  Object.fromEntries(Array.from({ length: sources }, (_, i) => [`in-${i}`, new Feed<unknown>(2, () => 0)]));

/** What a whole run put in the logs between stages, in the order of time. */
async function recorded(recipe: Recipe, items: readonly Item[], how: Schedule): Promise<Recorded[]> {
  const { chunks, options } = how;
  const driver = await TestDriver.open(cook(recipe, 2), { ...options, partitions: 2 });
  const all: Recorded[] = [];
  let at = 0;
  for (let turn = 0; at < items.length; turn++) {
    const size = chunks[turn % chunks.length]!;
    await driver.feed(`in-${turn % recipe.sources}`, items.slice(at, at + size), turn % 2);
    at += size;
    driver.clock.advance(seconds(40));
    await driver.pump();
  }
  await driver.end();
  for (const task of driver.tasks) {
    if (task.host.source !== undefined) continue;
    const topic = task.host.stage.topic;
    for (const { time, message } of await messagesIn(task.host, topic, task.id.partition))
      all.push({ time, topic, partition: task.id.partition, message });
  }
  await driver.close();
  return all.sort((a, b) => a.time - b.time);
}

describe('results do not depend on how a log is cut into deliveries', () => {
  it('4: not the state, not the outputs, not the positions; claims, ticks, repeats and forgetting included', async () => {
    const cuts = fc.array(fc.record({ size: fc.integer({ min: 1, max: 5 }), back: fc.nat(2), forget: fc.boolean() }), {
      minLength: 1,
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(chainRecipe, wideRecipe),
        itemsOf(1_500, 25),
        schedule,
        cuts,
        async (recipe, items, how, cuts) => {
          const log = await recorded(recipe, items, how);
          const outcomes: unknown[] = [];
          for (const cut of [false, true]) {
            const ports = testPorts();
            const built = cook(recipe, 2).withBindings({ sources: feedsOf(recipe) });
            const run = await opened(built, ports, { slots: 4, runId: 'test' });
            for (const { time, topic, partition, message } of log) {
              ports.clock.set(time as WallTime);
              await ports.log.append([{ topic, partition, message }]);
            }
            const inner = run.tasks.filter((task) => task.host.source === undefined);
            const outcome: unknown[] = [];
            const ends = new Map<Task, readonly LogMessage[]>();
            for (const task of inner) ends.set(task, await messagesIn(ports, task.host.stage.topic, task.id.partition));
            for (const [task, messages] of ends) {
              let turn = 0;
              for (let next = 0; next < messages.length; turn++) {
                const { size, back, forget } = cut
                  ? cuts[turn % cuts.length]!
                  : { size: 1_000, back: 0, forget: false };
                const result = await task.deliver(messages.slice(Math.max(0, next - back), next + size));
                if (result.kind !== 'advanced') throw new Error(JSON.stringify(result));
                next = result.nextOffset;
                if (forget) await task.forget();
              }
              outcome.push(task.id, await stateOf(task));
            }
            for (const task of inner) {
              const { topic } = task.host.stage;
              const all = await messagesIn(ports, topic, task.id.partition);
              outcome.push(flat(all.slice(ends.get(task)!.length).map(({ message }) => message as Frame)));
            }
            outcomes.push(outcome);
          }
          expect(outcomes[1]).toEqual(outcomes[0]);
        },
      ),
      { numRuns: 25 },
    );
  });
});
