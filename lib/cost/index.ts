/** What a deployed pipeline costs, from its plan: dollars by stage, at rest, and the line above which workers are cheaper. */
export {
  type Bill,
  type Cost,
  costOf,
  type Rest,
  type RestCost,
  restCost,
  restOf,
  SECONDS_A_MONTH,
  type StageCost,
  usualRest,
} from './cost.ts';
export { listPrices, type Prices, pricesWith } from './prices.ts';
export { usualWorker, type WorkerSize, workerCost, workerLine } from './worker-line.ts';
export { loadsOf, type StageLoad, usualWorkload, type Workload } from './workload.ts';
