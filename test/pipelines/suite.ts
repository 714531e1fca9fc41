/** Pipelines with what they must give, for every host: the inputs are small, and the results are written out, or what a plain loop over the rows comes to. */
import { type Duration, noRestart, type Pipeline, pipeline } from '../../lib/index.ts';
import type { Ends, Fusing, SuiteCase } from './case.ts';
import { flows } from './flows.ts';
import { joins } from './joins.ts';
import { limits } from './limits.ts';
import { live } from './live.ts';
import { patterns } from './patterns.ts';
import { ranking } from './ranking.ts';
import { sharing } from './sharing.ts';
import { tables } from './tables.ts';
import { windows } from './windows.ts';

/** Small batches: even a few rows take several steps. */
export const smallBatches = { sourceRows: 2, batchMessages: 2 };
/** How often pumps look after silence. */
export const PUMP_PERIOD = 50 as Duration;

export const suite: readonly SuiteCase[] = [
  ...windows,
  ...flows,
  ...joins,
  ...tables,
  ...ranking,
  ...patterns,
  ...limits,
  ...sharing,
  ...live,
];

export const pipelineOf = ({ name, build }: SuiteCase, ends: Ends, fusing: Fusing): Pipeline =>
  pipeline(`${name}-${fusing}`, (p) => build(p, ends), { parallelism: 2, fusing, restart: noRestart() });
