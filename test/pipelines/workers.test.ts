import { describe } from 'vitest';
import { storedLetters } from '../../lib/inspect/index.ts';
import { requestDrain } from '../../lib/runtime/index.ts';
import { Cluster, ledger } from '../hosts/worker/cluster.ts';
import { fedRows } from './fed-rows.ts';
import { forSinks, runsTheSuite, type SuiteHost } from './on-host.ts';
import { PUMP_PERIOD, pipelineOf, smallBatches } from './suite.ts';

const twoWorkers: SuiteHost = async (the, fusing) => {
  const sinks = forSinks(the, () => ledger<unknown>());
  const feeds = fedRows(the);
  const ends = { source: (id: string) => feeds[id]!, sink: (id: string) => sinks[id]! };
  const cluster = new Cluster();
  const built = pipelineOf(the, ends, fusing);
  const options = { limits: smallBatches, pumpPeriod: PUMP_PERIOD };
  const workers = [await cluster.start(built, options), await cluster.start(built, options)];
  return {
    results: async (id) => sinks[id]!.records,
    rows: async (id) => sinks[id]!.rows,
    drain: async () => void (await requestDrain(cluster.ports.commits, workers[0]!.worker.open.record, Date.now())),
    ended: Promise.all(workers.map(async ({ end }) => (await end).kind)),
    letters: async () => (await storedLetters(cluster.ports, built.name)).map(({ letter }) => letter.value),
    close: () => cluster.close(),
  };
};

describe('pipelines on two workers', () => runsTheSuite(twoWorkers));
