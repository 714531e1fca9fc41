/** What a deployed pipeline costs: a formula over its plan, a load and prices. Nothing is measured here. */
import type { Plan } from '../plan/index.ts';
import type { Prices } from './prices.ts';
import { loadsOf, type StageLoad, type Workload } from './workload.ts';

export const SECONDS_A_MONTH = 30 * 24 * 3_600;

/** Blobs that a snapshot writes: a run and a manifest; and reads, for merging. */
const SNAPSHOT_PUTS = 2;
const SNAPSHOT_GETS = 1;

/** Dollars a month, by what they are paid for. */
export interface Bill {
  /** Calls of functions, and their time. */
  readonly lambda: number;
  /** Commits and what is read of them. */
  readonly dynamodb: number;
  /** Snapshots. */
  readonly s3: number;
  /** What goes through topics between stages. */
  readonly kafka: number;
}

export interface StageCost extends Bill {
  readonly stage: string;
  readonly load: StageLoad;
  readonly total: number;
}

/** The pipeline under load; what it costs at rest is beside it. */
export interface Cost {
  readonly stages: readonly StageCost[];
  /** Records a second that come in. */
  readonly rate: number;
  /** Dollars a month for the load, without what is paid at rest. */
  readonly month: number;
  /** Dollars for a million records that come in. */
  readonly million: number;
  readonly rest: RestCost;
}

/** Costs of a load, by stage. */
export function costOf(plan: Plan, workload: Workload, prices: Prices): Cost {
  const stages = loadsOf(plan, workload).map((load) => stageCost(load, workload, prices));
  const month = stages.reduce((sum, { total }) => sum + total, 0);
  const sources = new Set(plan.stages.flatMap(({ id, source }) => (source === undefined ? [] : [id])));
  const rate = stages.reduce((sum, { load }) => sum + (sources.has(load.stage) ? load.records : 0), 0);
  const tasks = plan.stages.reduce(
    (sum, { source, partitions }) => sum + (source === undefined ? partitions : workload.partitions),
    0,
  );
  const rest = restCost(usualRest(plan.stages.length, tasks), prices);
  return { stages, rate, month, million: rate === 0 ? 0 : (month / (rate * SECONDS_A_MONTH)) * 1e6, rest };
}

function stageCost(load: StageLoad, workload: Workload, prices: Prices): StageCost {
  const { memory, deliveryTime, recordTime, commitBytes, cellBytes, slots } = workload;
  const { deliveries, commits, records, cells, bytesOut } = load;
  const a = (perSecond: number): number => perSecond * SECONDS_A_MONTH;
  const seconds = deliveries * deliveryTime + records * recordTime;
  const units = Math.ceil((commitBytes + cells * cellBytes) / 1_024);
  const snapshots = commits / (slots / 2);
  const bill: Bill = {
    lambda: a(deliveries * prices.lambda.request + seconds * memory * prices.lambda.gigabyteSecond),
    dynamodb: a(commits * units * prices.dynamodb.writeUnit),
    s3: a(snapshots * (SNAPSHOT_PUTS * prices.s3.put + SNAPSHOT_GETS * prices.s3.get)),
    kafka: a((bytesOut / 1e9) * prices.kafka.gigabyte),
  };
  return { stage: load.stage, load, ...bill, total: bill.lambda + bill.dynamodb + bill.s3 + bill.kafka };
}

/** What a deployment does in a month in which nothing arrives. */
export interface Rest {
  /** Calls of the controller, and their seconds, with gigabytes of memory. */
  readonly calls: number;
  readonly seconds: number;
  readonly memory: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly gets: number;
  /** PUTs and LISTs. */
  readonly puts: number;
  /** Calls of stages' functions. */
  readonly rings: number;
  readonly logBytes: number;
  readonly metrics: number;
  readonly alarms: number;
  readonly dashboards: number;
}

export interface RestCost {
  readonly lambda: number;
  readonly dynamodb: number;
  readonly s3: number;
  readonly scheduler: number;
  /** Logs, metrics, alarms and the dashboard. */
  readonly cloudwatch: number;
  readonly total: number;
}

/** Prices a month at rest. Kafka, NAT and endpoints are not in it: they cost the same whatever runs on them. */
export function restCost(rest: Rest, prices: Prices): RestCost {
  const { lambda, dynamodb, s3, scheduler, cloudwatch } = prices;
  const parts = {
    lambda: (rest.calls + rest.rings) * lambda.request + rest.seconds * rest.memory * lambda.gigabyteSecond,
    dynamodb: rest.readUnits * dynamodb.readUnit + rest.writeUnits * dynamodb.writeUnit,
    s3: rest.gets * s3.get + rest.puts * s3.put,
    scheduler: rest.calls * scheduler.call,
    cloudwatch:
      (rest.logBytes / 1e9) * cloudwatch.logGigabyte +
      rest.metrics * cloudwatch.metricMonth +
      rest.alarms * cloudwatch.alarmMonth +
      rest.dashboards * cloudwatch.dashboardMonth,
  };
  const total = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { ...parts, total };
}

/**
 * What counted rounds of a controller come to in a month: `rounds` of them were counted. One round a minute, each a call of its own.
 */
export function restOf(
  counted: Omit<Rest, 'calls' | 'alarms' | 'dashboards' | 'metrics'>,
  rounds: number,
  shown: Pick<Rest, 'alarms' | 'dashboards' | 'metrics'>,
): Rest {
  const minutes = SECONDS_A_MONTH / 60;
  const a = (count: number): number => (count / rounds) * minutes;
  return {
    calls: minutes,
    seconds: a(counted.seconds),
    memory: counted.memory,
    readUnits: a(counted.readUnits),
    writeUnits: a(counted.writeUnits),
    gets: a(counted.gets),
    puts: a(counted.puts),
    rings: a(counted.rings),
    logBytes: a(counted.logBytes),
    ...shown,
  };
}

/**
 * What a month at rest is taken for: as `test/cost/at-rest.test.ts` counts it on a deployment's own calls, rounded up. A round reads one item a task, or two in the first round
 * through its slots (of 4 KB at most; larger ones cost more units), and a few records; once an hour all commits are read.
 */
export function usualRest(stages: number, tasks: number): Rest {
  const round = {
    seconds: 0.4,
    memory: 0.5,
    readUnits: 2.1 * tasks + 8,
    writeUnits: 2,
    gets: 0,
    puts: 0,
    rings: 0,
    logBytes: 700,
  };
  return restOf(round, 1, { metrics: 0, alarms: 3 + 5 * stages, dashboards: 0 });
}
