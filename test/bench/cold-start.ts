/** What a stage's function costs before it does anything: its bundle, loading it, and the first delivery beside the next. Each in a process of its own. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { deployedFunctions } from '../functions/deployed-functions.ts';
import type { FunctionProcess } from '../functions/function-process.ts';
import type { Figure, Measurement } from './case.ts';
import { brokers, needBroker } from './kafka-broker.ts';
import { needStores, stores } from './real-stores.ts';

export const coldStart: Measurement = {
  kind: 'measurement',
  name: "functions: a stage's cold start",
  records: 9,
  prepare: async () => {
    await needBroker();
    await needStores();
  },
  async run({ records: starts, dir }) {
    const ends: (() => unknown)[] = [];
    try {
      const name = `cold-${process.pid}`;
      const ground = {
        folder: dir,
        name,
        broker: brokers()[0]!,
        ...stores(),
        defer: (end: () => unknown) => ends.push(end),
      };
      const { client, input, rung, start } = await deployedFunctions(ground);
      const append = (from: number) =>
        client.append(
          Array.from({ length: 100 }, (_, i) => {
            const value = Buffer.from(JSON.stringify({ key: `k${i % 5}`, n: from + i }));
            return { topic: input, partition: 0, record: { value } };
          }),
        );
      await append(0);
      const controller = await start();
      await controller.call({}, 8_000);
      rung.length = 0;
      const [loaded, cpu, first, next]: number[][] = [[], [], [], []];
      const ring = { ring: [{ partition: 0, reason: 'backlog' }] };
      const timed = async (called: FunctionProcess): Promise<number> => {
        const { error, took } = await called.call(ring);
        if (error !== undefined) throw new Error(error.message);
        return took;
      };
      for (let i = 0; i < starts; i++) {
        const amounts = await start('amounts');
        loaded!.push(amounts.loaded);
        cpu!.push(amounts.loadedCpu);
        first!.push(await timed(amounts));
        await append(100 * (i + 1));
        next!.push(await timed(amounts));
        await amounts.stop();
      }
      const traced = await start('amounts', { POWERTOOLS_TRACE_ENABLED: 'true', _X_AMZN_TRACE_ID: 'Root=1-5-1' });
      const [whole, loadedBytes] = [bytesOf(dir, all(dir)), bytesOf(dir, closure(dir, 'stage.mjs'))];
      return [
        ...figures('bundle', whole, 'of it loaded by a stage', loadedBytes),
        ms('loading', loaded!),
        ms('loading, processor time', cpu!),
        ms('first call', first!),
        ms('a later call', next!),
        ms('first call with tracing', [await timed(traced)]),
      ];
    } finally {
      for (const end of ends.reverse()) await end();
    }
  },
};

interface Bytes {
  readonly raw: number;
  readonly zipped: number;
}

const figures = (what: string, whole: Bytes, other: string, part: Bytes): Figure[] => [
  { what, value: whole.raw / 1_000, unit: 'kB' },
  { what: `${what}, zipped`, value: whole.zipped / 1_000, unit: 'kB' },
  { what: other, value: part.raw / 1_000, unit: 'kB' },
];

const ms = (what: string, values: readonly number[]): Figure => {
  const sorted = [...values].sort((a, b) => a - b);
  return { what: `${what}, median of ${values.length}`, value: sorted[Math.floor(sorted.length / 2)]!, unit: 'ms' };
};

const all = (dir: string): string[] =>
  readdirSync(dir).filter((name) => /^(stage|controller|topics-resource|worker|shared-.*)\.mjs$/.test(name));

/** The module and all that it imports when it is loaded. */
function closure(dir: string, entry: string): string[] {
  const found = new Set([entry]);
  for (const name of found) {
    const text = readFileSync(join(dir, name), 'utf8');
    for (const [, other] of text.matchAll(/(?:^|\n)(?:import|\} from) ?(?:[^"]*? from )?"\.\/([^"]+)"/g))
      found.add(other!);
  }
  return [...found];
}

const bytesOf = (dir: string, names: readonly string[]): Bytes => ({
  raw: names.reduce((sum, name) => sum + statSync(join(dir, name)).size, 0),
  zipped: names.reduce((sum, name) => sum + gzipSync(readFileSync(join(dir, name))).length, 0),
});
