import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import {
  type Cost,
  costOf,
  listPrices,
  type Prices,
  pricesWith,
  usualWorker,
  usualWorkload,
  type Workload,
  workerCost,
  workerLine,
} from '../lib/cost/index.ts';
import { messageOf } from '../lib/model/index.ts';
import type { Plan } from '../lib/plan/index.ts';
import { exitCodesHelp, UsageError } from './exit-codes.ts';
import { loadPipeline } from './load-pipeline.ts';
import { type CommonOptions, colours, columns, grouped, print, printJson } from './terminal.ts';

interface CostOptions extends CommonOptions {
  readonly rate: readonly string[];
  readonly pass: readonly string[];
  readonly assume: readonly string[];
  readonly prices?: string;
}

/** `millrace cost` */
export function addCost(program: Command): void {
  const list = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  program
    .command('cost <pipeline>')
    .description('what a pipeline would cost on AWS, by stage, from its plan and stated prices')
    .option('-r, --rate <[source=]n>', 'records a second, of each source or of one', list, [])
    .option('--pass <operator=n>', 'results for each record of an operator', list, [])
    .option('--assume <name=n>', `another assumption: ${numbers.join(', ')}`, list, [])
    .option('--prices <file>', 'other prices, in JSON; --json shows their form')
    .addHelpText(
      'after',
      `
A formula, not a bill: it counts calls of functions, their time, commits, snapshots and what goes through topics
between stages. Kafka itself, NAT or endpoints and the data's way to the internet are not in it. Where nothing else is
said, a window passes on one result for ten records and everything else one for one.

Examples:
  millrace cost examples/flights --rate 50
  millrace cost . --rate orders=200 --rate clicks=5000 --pass per-minute=0.01
  millrace cost . --assume memory=1 --assume deliveryTime=0.05 --json
${exitCodesHelp}`,
    )
    .action(cost);
}

/** Assumptions that are one number. */
const numbers = Object.entries(usualWorkload).flatMap(([name, value]) =>
  typeof value === 'number' && name !== 'rate' ? [name] : [],
);

async function cost(path: string, options: CostOptions): Promise<void> {
  const { plan } = (await loadPipeline(path)).pipeline;
  const workload = workloadOf(plan, options);
  const prices = pricesOf(options.prices);
  const result = costOf(plan, workload, prices);
  const line = workerLine(plan, workload, prices);
  const worker = workerCost(plan, workload, prices, usualWorker);
  if (options.json === true) {
    printJson({
      ...result,
      worker: { month: worker, cheaperFrom: line === undefined ? null : line * result.rate },
      workload,
      prices,
    });
    return;
  }
  print(colours.bold(`${plan.pipeline} at ${grouped(result.rate)} records/s, ${prices.asOf}`));
  print(columns(HEAD, [...result.stages.map(rowOf), totalOf(result)]));
  const { rest } = result;
  print(`A million records: ${dollars(result.million)}.`);
  print(
    `A month at rest: ${dollars(rest.total)} (functions ${dollars(rest.lambda)}, commits ${dollars(rest.dynamodb)}, schedule ${dollars(rest.scheduler)}, alarms and logs ${dollars(rest.cloudwatch)}).`,
  );
  print(
    "Beside it: the Kafka cluster; a NAT gateway (about $33 a month each zone) or endpoints (about $7 each and zone) where functions stand in a VPC; a dashboard ($3 from an account's fourth on); data kept.",
  );
  print(lineText(result, line, worker));
}

const HEAD = ['stage', 'records/s', 'calls/s', 'commits/s', 'functions', 'commits', 'snapshots', 'topics', '$/month'];

function rowOf({ load, stage, lambda, dynamodb, s3, kafka, total }: Cost['stages'][number]): readonly string[] {
  const rates = [load.records, load.deliveries, load.commits].map(rateText);
  return [stage, ...rates, ...[lambda, dynamodb, s3, kafka, total].map(dollars)];
}

function totalOf({ stages, month }: Cost): readonly string[] {
  const sum = (part: 'lambda' | 'dynamodb' | 's3' | 'kafka'): string =>
    dollars(stages.reduce((total, stage) => total + stage[part], 0));
  return [
    colours.bold('all'),
    '',
    '',
    '',
    sum('lambda'),
    sum('dynamodb'),
    sum('s3'),
    sum('kafka'),
    colours.bold(dollars(month)),
  ];
}

function lineText({ rate, stages }: Cost, line: number | undefined, worker: number): string {
  const lambda = stages.reduce((total, stage) => total + stage.lambda, 0);
  if (line === undefined) return 'Functions are cheaper than a worker at any load.';
  const at = `From about ${grouped(Math.ceil(line * rate))} records/s on a worker on Fargate is cheaper than functions`;
  return `${at}: at this load ${dollars(worker)} a month (${usualWorker.processors} processor, ${usualWorker.gigabytes} GB each) instead of ${dollars(lambda)}; the rest costs the same.`;
}

const rateText = (rate: number): string => (rate >= 100 ? grouped(Math.round(rate)) : rate.toPrecision(2));
const dollars = (sum: number): string =>
  `$${sum >= 100 ? grouped(Math.round(sum)) : sum >= 0.995 ? sum.toFixed(2) : sum === 0 ? '0' : sum.toPrecision(2)}`;

/** Throws `UsageError` for a name that is none of the plan's, or a number that is none. */
function workloadOf(plan: Plan, { rate, pass, assume }: CostOptions): Workload {
  const sources = plan.nodes.filter(({ kind }) => kind === 'source').map(({ id }) => id);
  const rates: Record<string, number> = {};
  let common = usualWorkload.rate;
  for (const text of rate) {
    if (text.includes('=')) Object.assign(rates, pairOf(text, '--rate', sources));
    else common = numberOf(text, '--rate');
  }
  const nodes = plan.nodes.map(({ id }) => id);
  const passes = pass.map((text) => pairOf(text, '--pass', nodes));
  const assumed = assume.map((text) => pairOf(text, '--assume', numbers));
  return {
    ...usualWorkload,
    ...Object.assign({}, ...assumed),
    rate: common,
    rates,
    pass: Object.assign({}, ...passes),
  };
}

function pairOf(text: string, option: string, names: readonly string[]): Readonly<Record<string, number>> {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  if (at < 0 || !names.includes(name)) {
    throw new UsageError(
      `${option} ${text}: ${at < 0 ? 'it is name=number' : `there is no ${name}`}`,
      `it is one of ${names.join(', ')}`,
    );
  }
  return { [name]: numberOf(text.slice(at + 1), option) };
}

function numberOf(text: string, option: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number) || number < 0) {
    throw new UsageError(`${option}: ${text} is no number of 0 or more`);
  }
  return number;
}

function pricesOf(path: string | undefined): Prices {
  if (path === undefined) return listPrices;
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`the prices in ${path} cannot be read: ${messageOf(error)}`);
  }
  const fault = (at: string): Error =>
    new UsageError(
      `the prices in ${path}: ${at === '' ? 'this is no object' : `${at} is no price`}`,
      'millrace cost <pipeline> --json shows the form',
    );
  return pricesWith(read, fault);
}
