/** Above which load a worker that always runs is cheaper than functions that are called. */
import type { Plan } from '../plan/index.ts';
import { costOf } from './cost.ts';
import type { Prices } from './prices.ts';
import type { Workload } from './workload.ts';

/** A container of a worker service, and how busy it may be. */
export interface WorkerSize {
  readonly processors: number;
  readonly gigabytes: number;
  /** 0 to 1. */
  readonly busy: number;
}

export const usualWorker: WorkerSize = { processors: 1, gigabytes: 2, busy: 0.6 };

const HOURS_A_MONTH = 720;
/** Records a second beyond which nobody asks. */
const MOST = 1e7;

/** Dollars a month of the containers that so much work needs: one at least. What they commit, store and send costs what functions' does. */
export function workerCost(plan: Plan, workload: Workload, prices: Prices, size: WorkerSize): number {
  const { stages } = costOf(plan, workload, prices);
  const work = stages.reduce((sum, { load }) => sum + load.records * workload.recordTime, 0);
  const containers = Math.max(1, Math.ceil(work / (size.processors * size.busy)));
  const { processorHour, gigabyteHour } = prices.fargate;
  return containers * (size.processors * processorHour + size.gigabytes * gigabyteHour) * HOURS_A_MONTH;
}

/**
 * The load, as a multiple of the given one, from which on calling functions costs more than containers do; undefined where it never does. What both pay alike
 * (commits, snapshots, topics) is left out. The steps by which containers are added make more than one crossing possible: this is the first.
 */
export function workerLine(plan: Plan, workload: Workload, prices: Prices, size = usualWorker): number | undefined {
  const given = costOf(plan, workload, prices).rate;
  if (given === 0) return undefined;
  const isCheaper = (scale: number): boolean => {
    const scaled = scaledBy(workload, scale);
    const lambda = costOf(plan, scaled, prices).stages.reduce((sum, stage) => sum + stage.lambda, 0);
    return lambda > workerCost(plan, scaled, prices, size);
  };
  let below = 1e-3 / given;
  while (!isCheaper(below * 1.25)) {
    below *= 1.25;
    if (below * given > MOST) return undefined;
  }
  let above = below * 1.25;
  for (let i = 0; i < 30; i++) {
    const middle = (below + above) / 2;
    if (isCheaper(middle)) above = middle;
    else below = middle;
  }
  return above;
}

function scaledBy(workload: Workload, scale: number): Workload {
  const rates = Object.fromEntries(Object.entries(workload.rates).map(([id, rate]) => [id, rate * scale]));
  return { ...workload, rates, rate: workload.rate * scale };
}
