import { describe, expect, it } from 'vitest';
import {
  collection,
  count,
  countWindow,
  type Duration,
  MillraceError,
  type PipelineBuilder,
  type Plan,
  type PlanFault,
  pipeline,
  type SinkConnector,
  type Suppression,
  seconds,
  session,
  sliding,
  toMemory,
  tumbling,
  type UpsertConnector,
  untilTimeLimit,
  untilWindowCloses,
} from '../../lib/index.ts';
import { comparePlans } from '../../lib/plan/index.ts';
import { drain } from './fake-connectors.ts';

interface Row {
  readonly key: string;
  readonly value: number | null;
}

const rows = collection<Row>([]);
const upserts = (connector: SinkConnector<never>): UpsertConnector<unknown> => connector as UpsertConnector<unknown>;

function faultsOf(run: () => unknown): readonly PlanFault[] {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError && error.cause !== undefined) return error.cause as readonly PlanFault[];
    throw error;
  }
  return [];
}

const windowsOf = (p: PipelineBuilder) =>
  p
    .source('timed', rows, { eventTime: () => new Date(0) })
    .keyBy('by-time', (row) => row.key)
    .window(tumbling(seconds(1)))
    .toTable('windows', count());

describe('a table at a sink', () => {
  const build = (sink: UpsertConnector<unknown>) =>
    pipeline('tables', (p) => {
      const table = p
        .source('in', rows)
        .keyBy('by-key', (row) => row.key)
        .toTable('latest', (row) => row.value);
      table.filter((value) => value > 1).to('out', sink);
    });

  it('is refused by one that only appends when the plan is built, with what to do about it', () => {
    const [fault] = faultsOf(() => build(upserts(drain())));
    expect(fault).toMatchObject({
      operator: 'out',
      rule: expect.stringContaining('only appends') as string,
      fix: expect.stringContaining('dynamoTable') as string,
    });
    expect(fault?.fix).toContain('table.changes().to(');
    expect(fault?.fix).toContain('table.suppress(id, untilWindowCloses()).toStream().to(');
  });

  it('is taken by one that upserts, also where it is bound later', () => {
    const built = build(toMemory());
    expect(() => built.withBindings({ sinks: { out: toMemory() } })).not.toThrow();
    expect(faultsOf(() => built.withBindings({ sinks: { out: drain() } })).map(({ operator }) => operator)).toEqual([
      'out',
    ]);
  });

  it('is appended as a changelog, or as records, to any', () => {
    const built = pipeline('tables', (p) => {
      const table = p
        .source('in', rows)
        .keyBy('by-key', (row) => row.key)
        .toTable('latest', (row) => row.value);
      table.changes().to('changes', drain());
      table.toStream().to('records', drain());
      windowsOf(p).suppress('final', untilWindowCloses()).toStream().to('final-rows', drain());
    });
    expect(built.plan.nodes.map(({ id }) => id)).toContain('changes-1');
  });
});

describe('a suppressed table', () => {
  const input = (p: Parameters<Parameters<typeof pipeline>[1]>[0]) =>
    p.source('in', rows, { eventTime: () => new Date(0) }).keyBy('by-key', (row) => row.key);
  const windows = (allowedLateness: Duration, suppression: Suppression) =>
    pipeline('final', (p) => {
      const table = input(p)
        .window(tumbling(seconds(1)), { allowedLateness })
        .toTable('t', count());
      table.suppress('s', suppression).to('out', toMemory());
    }).plan;
  const codeOf = (plan: Plan, id: string): unknown => plan.nodes.find((node) => node.id === id)?.code;

  it('of final rows is other code where windows close later', () => {
    const [soon, late] = [seconds(1), seconds(2)].map((lateness) => windows(lateness, untilWindowCloses()));
    expect(codeOf(soon!, 's')).not.toBe(codeOf(late!, 's'));
    const [short, long] = [seconds(1), seconds(2)].map((lateness) => windows(lateness, untilTimeLimit(seconds(5))));
    expect(codeOf(short!, 's')).toBe(codeOf(long!, 's'));
  });

  it('goes on with another limit, not by another time', () => {
    const until = (limit: number, by: 'event' | 'processing') =>
      windows(seconds(1), untilTimeLimit(seconds(limit), { by }));
    const event = until(5, 'event');
    expect(comparePlans(event, until(6, 'event')).obstacles).toEqual([]);
    expect(comparePlans(event, windows(seconds(1), untilWindowCloses())).obstacles).toEqual([]);
    expect(comparePlans(event, until(5, 'processing')).obstacles).toEqual([
      'operator s: its layout was "event", is "processing"',
    ]);
  });
});

describe('mistakes with tables', () => {
  const faults = (
    write: (input: ReturnType<typeof keyed>) => { to(id: string, sink: UpsertConnector<unknown>): void },
  ): readonly string[] =>
    faultsOf(() =>
      pipeline('tables', (p) => {
        write(keyed(p)).to('out', toMemory());
      }),
    ).map(({ operator, rule }) => `${operator}: ${rule}`);
  const keyed = (p: Parameters<Parameters<typeof pipeline>[1]>[0]) =>
    p.source('in', rows, { eventTime: () => new Date(0) }).keyBy('by-key', (row) => row.key);

  it('are found when the plan is built', () => {
    expect(faults((input) => input.toTable('t').suppress('s', untilWindowCloses()))).toEqual([
      's: it waits for windows to close, and this is no table of windows',
    ]);
    expect(faults((input) => input.toTable('t').suppress('s', untilTimeLimit(-1, { maxKeys: 0 })))).toEqual([
      's: its time limit is -1 ms',
      's: its maxKeys is 0',
    ]);
    expect(faults((input) => input.window(countWindow(2)).toTable('t', count()))).toEqual([
      't: a count window has a trigger and evictor of its own',
      't: a table has a row for each key and window, and count windows have no bounds',
    ]);
    expect(faults((input) => input.window(session(seconds(1))).toTable('t', count()))).toEqual([]);
    expect(faults((input) => input.window(sliding(seconds(1))).toTable('t', count()))).toEqual([]);
    expect(faults((input) => input.toTable('t').mapValues(undefined as never))).toEqual([
      'map-values-1: map-values takes a function, not undefined',
    ]);
    expect(faults((input) => input.toTable('t').mapValues((async () => 1) as never))).toEqual([
      'map-values-1: the function of map-values is async',
    ]);
    expect(
      faults((input) =>
        input
          .window(tumbling(seconds(1)))
          .toTable('t', count())
          .suppress('s', untilWindowCloses()),
      ),
    ).toEqual([]);
  });

  it('are said where a table is joined to what is none', () => {
    expect(faults((input) => input.toTable('t').join('j', input as never, () => 1))).toEqual([
      'j: what it is to read is no table',
    ]);
  });
});
