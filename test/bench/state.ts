/** What keyed state costs: memory, commits, snapshots, loading. */
import { openEmbedded, runEmbedded } from '../../lib/embedded/index.ts';
import {
  boundedOutOfOrderness,
  count,
  type EventTime,
  generator,
  hours,
  type Key,
  mean,
  milliseconds,
  minutes,
  noRestart,
  pipeline,
  toFunction,
  tumbling,
} from '../../lib/index.ts';
import type { Bench, Figure, Measurement } from './case.ts';

interface Reading {
  readonly key: Key;
  readonly value: number;
  readonly time: EventTime;
}

const KEYS = 1_000_000;
const nowhere = () => toFunction<unknown>(() => {});

/** A reading for every key in turn, then for keys far apart; `pace` milliseconds of event time each. */
function reading(n: number, keys: number, pace: number, text: boolean): Reading {
  const key = n < keys ? n : (n * 7_919) % keys;
  return { key: text ? `sensor-${key}` : key, value: (n % 1_000) / 8, time: Math.floor(n * pace) as EventTime };
}

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}

function rolling(name: string, records: number, keys: number, parallelism = 4) {
  return pipeline(
    name,
    (p) => {
      p.source('readings', generator({ count: records, record: (n) => reading(n, keys, 0, false) }))
        .keyBy('key', (r) => r.key)
        .aggregate('totals', { count: count(), mean: mean((r) => r.value) })
        .to('out', nowhere());
    },
    { parallelism },
  );
}

/** Heap per key, looked at when the last keys have come and no window has fired. */
async function bytesPerKey(what: string, keys: number, text: boolean, windowed: boolean): Promise<Figure> {
  let before = 0;
  let after = 0;
  const record = (n: number): Reading => {
    if (n === 20_000) before = heap();
    if (n === keys - 1) after = heap();
    return reading(n, keys, 0, text);
  };
  const made = pipeline(
    'held',
    (p) => {
      const byKey = p
        .source('readings', generator({ count: keys, record }), { eventTime: (r) => r.time })
        .keyBy('key', (r) => r.key);
      const totals = { count: count(), mean: mean((r: Reading) => r.value) };
      if (windowed)
        byKey
          .window(tumbling(hours(1)))
          .aggregate('totals', totals)
          .to('out', nowhere());
      else byKey.aggregate('totals', totals).to('out', nowhere());
    },
    { parallelism: 4 },
  );
  await runEmbedded(made);
  const value = (after - before) / (keys - 20_000);
  return { what, value, unit: 'bytes a key', target: 'at most 250', met: value <= 250 };
}

export const memory: Measurement = {
  kind: 'measurement',
  name: 'state: memory',
  records: KEYS,
  run: async ({ records }) => [
    await bytesPerKey('count and mean, numbers as keys', records, false, false),
    await bytesPerKey('count and mean, texts as keys', records, true, false),
    await bytesPerKey('count and mean by window, numbers as keys', records, false, true),
    await bytesPerKey('count and mean by window, texts as keys', records, true, true),
  ],
};

/** Commits of few and many keys on a state that is large, snapshots included; and loading it. */
export const commits: Measurement = {
  kind: 'measurement',
  name: 'state: commits, snapshots, loading',
  records: KEYS,
  async run({ records: keys, dir }) {
    const dataDir = `${dir}/data`;
    const rounds = [
      { changed: 1, steps: 2_000 },
      { changed: 100, steps: 500 },
      { changed: 10_000, steps: 100 },
    ];
    const total = keys + rounds.reduce((n, { changed, steps }) => n + changed * steps, 0);
    const made = rolling('large', total, keys, 1);
    const figures: Figure[] = [];
    const began = performance.now();
    await stepping(made, dataDir, 10_000, Math.ceil(keys / 10_000));
    figures.push({ what: 'state of all keys built, durably', value: performance.now() - began, unit: 'ms' });
    let single = 0;
    for (const { changed, steps } of rounds) {
      const { load, step } = await stepping(made, dataDir, changed, steps);
      if (changed === 1) {
        figures.push({ what: 'cold load of all keys', value: load, unit: 'ms' });
        single = step;
      }
      figures.push({ what: `a commit of ${changed} changed keys`, value: step, unit: 'ms' });
      if (changed > 1) {
        const value = ((step - single) / changed) * 1_000;
        figures.push({ what: '  each beyond the first', value, unit: 'us', target: 'proportional to the change' });
      }
    }
    return figures;
  },
};

/** Opens the run and takes so many steps of its source and its keyed task; mean milliseconds of a step of the latter. */
async function stepping(
  made: ReturnType<typeof rolling>,
  dataDir: string,
  rows: number,
  steps: number,
): Promise<{ readonly load: number; readonly step: number }> {
  const began = performance.now();
  const open = await openEmbedded(made, { dataDir, limits: { sourceRows: rows } });
  const [source, keyed] = open.run.open.tasks;
  if (source === undefined || keyed === undefined) throw new Error('the pipeline has other stages');
  await keyed.ring();
  const load = performance.now() - began;
  let spent = 0;
  for (let i = 0; i < steps; i++) {
    await source.ring();
    const before = performance.now();
    const result = await keyed.ring();
    if (result.kind === 'advanced') await open.ports.log.trim(keyed.host.topic!, 0, result.nextOffset);
    spent += performance.now() - before;
    // What is written beside the steps gets its turn.
    const rest = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    spent += performance.now() - rest;
  }
  await open.close();
  return { load, step: spent / steps };
}

/** The heap while many records go by. */
export const flat: Measurement = {
  kind: 'measurement',
  name: 'memory over a long input',
  records: 20_000_000,
  async run({ records }) {
    const samples: number[] = [];
    const every = Math.floor(records / 10);
    const record = (n: number): Reading => {
      if (n > 0 && n % every === 0) samples.push(heap() / 2 ** 20);
      return reading(n, 10_000, 1, true);
    };
    const made = pipeline(
      'long',
      (p) => {
        p.source('readings', generator({ count: records, record }), {
          eventTime: (r) => r.time,
          watermark: boundedOutOfOrderness(milliseconds(0)),
        })
          .keyBy('key', (r) => r.key)
          .window(tumbling(minutes(1)))
          .aggregate('totals', { count: count(), mean: mean((r) => r.value) })
          .to('out', nowhere());
      },
      { parallelism: 4 },
    );
    const began = performance.now();
    await runEmbedded(made);
    const seconds = (performance.now() - began) / 1_000;
    const [first = 0] = samples;
    const last = samples.at(-1) ?? 0;
    return [
      { what: 'heap after a tenth', value: first, unit: 'MB' },
      { what: 'heap at the end', value: last, unit: 'MB', target: 'flat', met: last <= first * 1.1 + 2 },
      { what: 'most', value: Math.max(...samples), unit: 'MB' },
      { what: 'records a second', value: records / seconds, unit: '' },
    ];
  },
};

/** One record in a hundred throws and is given up, with state of a million keys around it. */
export const throwing: Measurement = {
  kind: 'measurement',
  name: 'one record in a hundred throws',
  records: 2 * KEYS,
  async run(bench) {
    await rate({ ...bench, records: bench.records / 10 }, true);
    const first = await rate(bench, false);
    const disturbed = await rate(bench, true);
    const undisturbed = (first + (await rate(bench, false))) / 2;
    const ratio = disturbed / undisturbed;
    return [
      { what: 'undisturbed', value: undisturbed, unit: 'records/s' },
      { what: 'with records that throw', value: disturbed, unit: 'records/s' },
      { what: 'ratio', value: ratio, unit: '', target: 'at least 0.5', met: ratio >= 0.5 },
    ];
  },
};

async function rate({ records }: Bench, throws: boolean): Promise<number> {
  const keys = records / 2;
  const value = (r: Reading): number => {
    if (throws && r.value === 12.5) throw new Error('no such value');
    return r.value;
  };
  const made = pipeline(
    'throwing',
    (p) => {
      const record = (n: number): Reading => ({ ...reading(n, keys, 0, false), value: n % 100 === 99 ? 12.5 : 1 });
      p.source('readings', generator({ count: records, record }))
        .keyBy('key', (r) => r.key)
        .aggregate('totals', { count: count(), mean: mean(value) })
        .to('out', nowhere());
    },
    { parallelism: 4, restart: noRestart(), fallback: 'dead-letter' },
  );
  const began = performance.now();
  const { kind, error, deadLettered } = await runEmbedded(made);
  if (kind !== 'finished') throw error;
  if (deadLettered !== (throws ? records / 100 : 0)) throw new Error(`${deadLettered} records were given up`);
  return (records / (performance.now() - began)) * 1_000;
}
