import type { Command } from 'commander';
import { combineTelemetry, type PrometheusTelemetry, prometheusTelemetry } from '../lib/adapters/telemetry/index.ts';
import type { Duration } from '../lib/model/index.ts';
import type { LogLevel, Telemetry } from '../lib/ports/index.ts';
import type { OpenWorker, WorkerEnd } from '../lib/worker/index.ts';
import { allBindingsOf } from './bind-kafka.ts';
import { exitCodeOf, exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { failureData, printFailure } from './failure.ts';
import { httpAt } from './http-at.ts';
import { loadPipeline } from './load-pipeline.ts';
import { addStoresOptions, type StoresFlags, storesHelp, storesOf } from './stores-options.ts';
import {
  type CommonOptions,
  colours,
  counted,
  errorColours,
  flushed,
  print,
  printError,
  printJson,
} from './terminal.ts';

interface WorkerFlags extends CommonOptions, StoresFlags {
  readonly bind: readonly string[];
  readonly parallelism?: number;
  readonly http?: string;
  readonly standby?: number;
  readonly sessionTimeout?: number;
  readonly linger?: number;
  readonly pumpPeriod?: number;
  readonly warmBytes?: number;
  readonly newCode?: boolean;
  readonly clockSkew?: number;
  readonly stopTimeout: number;
  readonly quiet?: boolean;
}

/** Milliseconds of each second of the time for a clean end after which steps under way are given up: the rest is for what comes after them. */
const ENDING = 800;

/** `millrace worker` */
export function addWorker(program: Command): void {
  addStoresOptions(
    program
      .command('worker <pipeline>')
      .description('work on a share of a pipeline’s tasks, beside other workers, until stopped'),
  )
    .option('--create', 'create table and bucket where there are none')
    .option(
      '-b, --bind <id=to>',
      'a file or kafka:topic in the place of a source or sink; may be given again',
      collect,
      [],
    )
    .option('--parallelism <n>', 'tasks of each stage behind a key-by; fixed once the run is created', wholeNumber)
    .option(
      '--http <[host:]port>',
      'serve /health, /ready and /metrics there; only for this machine unless a host is given',
    )
    .option('--standby <n>', 'how many other workers keep a copy of each task’s state, to take over at once', count)
    .option('--session-timeout <s>', 'seconds without a sign of life after which others take over', seconds)
    .option('--linger <ms>', 'least time between two steps of a task: fewer, larger commits', count)
    .option('--pump-period <s>', 'seconds between two looks at silent sources and due timers', seconds)
    .option('--clock-skew <ms>', 'twice the greatest deviation of a machine’s clock; default 1000', count)
    .option('--warm-bytes <n>', 'bytes of state to keep for tasks that are not this worker’s', wholeNumber)
    .option('--new-code', 'code that the run has gone past counts as new: to go back to it')
    .option('--stop-timeout <s>', 'seconds that a clean end may take', seconds, 30)
    .option('-q, --quiet', 'only warnings and errors')
    .addHelpText(
      'after',
      `
Start as many as you like; they share the tasks through a Kafka consumer group, and go on where the commits say.
Ctrl-C or SIGTERM ends one cleanly: steps under way are finished, the others take over at once. To end the run itself:
millrace stop --drain.
${storesHelp}

Examples:
  millrace worker . --kafka localhost:9092 --table commits --bucket snapshots
  millrace worker . --bind orders=kafka:orders --bind totals=kafka:totals --http 9464
  AWS_ENDPOINT_URL=http://localhost:4566 millrace worker . -k localhost:9092 -t commits --bucket snapshots --create
${exitCodesHelp}`,
    )
    .action(work);
}

async function work(path: string, flags: WorkerFlags): Promise<void> {
  const stores = storesOf(flags);
  let { pipeline } = await loadPipeline(path);
  if (flags.parallelism !== undefined) pipeline = pipeline.withParallelism(flags.parallelism);
  const stop = listen(flags);
  guard();
  const measured = flags.http === undefined ? undefined : await prometheusTelemetry();
  const telemetry = combineTelemetry(logging(flags), ...(measured === undefined ? [] : [measured]));
  let code: number = exitCodes.ok;
  try {
    const { openWorker } = await import('../lib/worker/index.ts');
    const bindings = await allBindingsOf(pipeline, flags.bind);
    const open = await openWorker(pipeline, { ...stores, ...tuningOf(flags), bindings, telemetry, signal: stop });
    const serving = measured === undefined ? undefined : await serve(flags.http as string, open, measured);
    announce(open, serving?.address, flags);
    const end = await open.worker.run();
    await serving?.close();
    await open.close();
    code = conclude(end, flags);
  } catch (error) {
    if (!stop.aborted) {
      printFailure(error, flags);
      code = exitCodeOf(error);
    }
  }
  await flushed();
  process.exit(code);
}

function tuningOf(flags: WorkerFlags) {
  const { standby, sessionTimeout, linger, pumpPeriod, warmBytes, clockSkew, newCode = false } = flags;
  return {
    newCode,
    stopTimeout: (flags.stopTimeout * ENDING) as Duration,
    ...(standby === undefined ? {} : { copies: standby }),
    ...(sessionTimeout === undefined ? {} : { sessionTimeout: sessionTimeout * 1_000 }),
    ...(linger === undefined ? {} : { linger: linger as Duration }),
    ...(pumpPeriod === undefined ? {} : { pumpPeriod: (pumpPeriod * 1_000) as Duration }),
    ...(warmBytes === undefined ? {} : { warmBytes }),
    ...(clockSkew === undefined ? {} : { limits: { clockSkew: clockSkew as Duration } }),
  };
}

/** Serves what the worker is at; a worker that lives and is not ready has not loaded all of its tasks yet. */
async function serve(at: string, { worker, pipeline }: OpenWorker, measured: PrometheusTelemetry) {
  const { serveHealth } = await import('../lib/adapters/http/index.ts');
  const facts = () => ({ pipeline: pipeline.name, run: worker.open.record.id, ...worker.status() });
  return serveHealth({
    ...httpAt(at),
    health: () => ({ ok: true, ...facts() }),
    ready: () => ({ ok: worker.status().ready, ...facts() }),
    metrics: () => measured.text(),
  });
}

function announce({ worker, pipeline }: OpenWorker, address: string | undefined, flags: WorkerFlags): void {
  const { record, resumed, tasks, codeVersion } = worker.open;
  if (flags.json === true) {
    const facts = { pipeline: pipeline.name, run: record.id, resumed, codeVersion, tasks: tasks.length, http: address };
    printJson({ event: 'started', ...facts });
    return;
  }
  if (flags.quiet === true) return;
  const size = `${counted(pipeline.plan.stages.length, 'stage')}, ${counted(tasks.length, 'task')}`;
  printError(`${errorColours.bold(pipeline.name)}: ${size}, run ${record.id}${resumed ? '' : ', begun now'}`);
  if (address !== undefined) printError(`health, readiness and metrics: http://${address}`);
}

function conclude({ kind, error }: WorkerEnd, flags: WorkerFlags): number {
  if (flags.json === true) printJson({ event: kind, ...(error === undefined ? {} : { error: failureData(error) }) });
  else if (flags.quiet !== true) {
    const word = kind === 'finished' ? colours.green('finished') : colours.yellow('stopped');
    print(`${word}: ${endings[kind]}`);
  }
  if (error === undefined) return exitCodes.ok;
  if (flags.json !== true) printFailure(error, flags);
  return exitCodes.failed;
}

const endings: Readonly<Record<WorkerEnd['kind'], string>> = {
  finished: 'the run is over',
  stopped: 'others go on, and so does the next worker',
  superseded: 'newer code has taken over; nothing is left that only this code can do',
};

/** Log lines for people, or as lines of JSON. */
function logging({ json, quiet }: WorkerFlags): Telemetry {
  const least: readonly LogLevel[] = quiet === true ? ['warn', 'error'] : ['info', 'warn', 'error'];
  return {
    count: () => undefined,
    gauge: () => undefined,
    observe: () => undefined,
    log: (level, message, fields) => {
      if (!least.includes(level)) return;
      if (json === true) printJson({ event: 'log', level, message, ...fields });
      else printError(`${new Date().toISOString()} ${colourOf(level)(level)} ${message}`);
    },
  };
}

const colourOf = (level: LogLevel): ((text: string) => string) =>
  level === 'error' ? errorColours.red : level === 'warn' ? errorColours.yellow : errorColours.dim;

/** The first signal asks for a clean end, the second ends at once. */
function listen({ stopTimeout, json }: WorkerFlags): AbortSignal {
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted);
    if (json !== true) printError('stopping; again to stop at once');
    abort.abort(new Error('the worker was asked to stop'));
    setTimeout(() => {
      if (json !== true) printError('stopped in the middle of a step: what was not committed is done again by others');
      process.exit(exitCodes.failed);
    }, stopTimeout * 1_000).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return abort.signal;
}

/** A promise that some client forgot ends nothing: steps have their own errors. */
function guard(): void {
  process.on('unhandledRejection', (reason) => {
    printError(`${new Date().toISOString()} ${errorColours.red('error')} nobody waited for this: ${String(reason)}`);
  });
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function number(text: string, isRight: (n: number) => boolean, what: string): number {
  const n = Number(text);
  if (text.trim() !== '' && Number.isFinite(n) && isRight(n)) return n;
  throw new UsageError(`${text} is no ${what}`);
}

const wholeNumber = (text: string): number =>
  number(text, (n) => Number.isInteger(n) && n > 0, 'positive whole number');
const count = (text: string): number => number(text, (n) => Number.isInteger(n) && n >= 0, 'number of things');
const seconds = (text: string): number => number(text, (n) => n > 0, 'positive number of seconds');
