import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { openEmbedded } from '../../lib/embedded/index.ts';
import { milliseconds, toMemory } from '../../lib/index.ts';
import { storedLetters } from '../../lib/inspect/index.ts';
import { fedRows } from './fed-rows.ts';
import { forSinks, runsTheSuite, type SuiteHost } from './on-host.ts';
import { PUMP_PERIOD, pipelineOf, smallBatches } from './suite.ts';

const embedded =
  (durable: boolean): SuiteHost =>
  async (the, fusing) => {
    const sinks = forSinks(the, () => toMemory<unknown>());
    const feeds = fedRows(the);
    const ends = { source: (id: string) => feeds[id]!, sink: (id: string) => sinks[id]! };
    const dataDir = durable ? await mkdtemp(join(tmpdir(), 'millrace-suite-')) : undefined;
    const open = await openEmbedded(pipelineOf(the, ends, fusing), {
      limits: smallBatches,
      pumpPeriod: PUMP_PERIOD,
      pollPeriod: milliseconds(5),
      ...(dataDir === undefined ? {} : { dataDir, flushEvery: milliseconds(10) }),
    });
    const ended = open.run.run().then(({ kind, error }) => [error?.message ?? kind]);
    return {
      results: async (id) => sinks[id]!.records,
      rows: async (id) => sinks[id]!.rows,
      drain: () => open.run.drain(),
      ended,
      letters: async () => (await storedLetters(open.ports, open.pipeline.name)).map(({ letter }) => letter.value),
      close: async () => {
        open.run.stop();
        await ended;
        await open.close();
        if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
      },
    };
  };

describe('pipelines in this process, in memory', () => runsTheSuite(embedded(false)));
describe('pipelines in this process, in a data directory', () => runsTheSuite(embedded(true)));
