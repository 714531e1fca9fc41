import type { Command } from 'commander';
import {
  carryOut,
  type OpenEmbedded,
  openEmbedded,
  type RunSummary,
  type StopRequest,
  serveTables,
} from '../lib/embedded/index.ts';
import { readableTables } from '../lib/inspect/index.ts';
import { allBindingsOf } from './bind-kafka.ts';
import { commandLine } from './command-line.ts';
import { exitCodeOf, exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { failureData, printFailure } from './failure.ts';
import { httpAt } from './http-at.ts';
import { loadPipeline, type PipelineModule } from './load-pipeline.ts';
import { jsonProgress, noProgress, type ProgressDisplay, plainProgress, terminalProgress } from './progress.ts';
import { parseSpeed, replayed } from './speed.ts';
import { listenForStop, type StopSignals } from './stop-signals.ts';
import { kafkaOf } from './stores-options.ts';
import { printSummary } from './summary.ts';
import { type CommonOptions, counted, errorColours, flushed, print, printError, printJson } from './terminal.ts';
import { warnings } from './warnings.ts';

interface RunCommandOptions extends CommonOptions {
  readonly dataDir?: string;
  readonly bind: readonly string[];
  readonly kafka?: string;
  readonly config?: string;
  readonly quiet?: boolean;
  readonly parallelism?: number;
  readonly speed?: string;
  readonly fsync?: boolean;
  readonly http?: string;
}

/** `millrace run` */
export function addRun(program: Command): void {
  program
    .command('run <pipeline>')
    .description('run a pipeline in this process until its input ends')
    .option('-d, --data-dir <folder>', 'keep state there: a run that ended in whatever way goes on where it was')
    .option(
      '-b, --bind <id=to>',
      'a file or kafka:topic in the place of a source or sink; may be given again',
      collect,
      [],
    )
    .option('-k, --kafka <brokers>', 'the cluster of its Kafka connectors, host:port[,host:port...]')
    .option('--config <file>', 'settings in JSON, as for workers: credentials of Kafka, for instance')
    .option('--parallelism <n>', 'tasks of each stage behind a key-by', wholeNumber)
    .option('--speed <factor>', 'play sources back so many times faster than real time, or max')
    .option('--fsync', 'with a data directory: survive power cuts too, not only the end of the process')
    .option(
      '--http <[host:]port>',
      'serve the rows of its tables there as JSON while it runs; only for this machine unless a host is given',
    )
    .option('-q, --quiet', 'no progress, no summary')
    .addHelpText(
      'after',
      `
Examples:
  millrace run examples/flights
  millrace run examples/flights --data-dir data        go on after Ctrl-C, kill -9 or a crash
  millrace run . --bind flights=2001.csv.gz            other input
  millrace run . --bind stats=stats.parquet --json     other output; what happens as lines of JSON
  cat orders.jsonl | millrace run . --bind orders=-    standard input
  millrace run . -k localhost:9092 --bind orders=kafka:orders
  millrace run . --speed 3600                          an hour a second
  millrace run . --http 8080                           curl localhost:8080/tables
${exitCodesHelp}`,
    )
    .action(run);
}

async function run(path: string, options: RunCommandOptions): Promise<void> {
  const loaded = await loadPipeline(path);
  let { pipeline } = loaded;
  if (options.parallelism !== undefined) pipeline = pipeline.withParallelism(options.parallelism);
  if (options.bind.length > 0) pipeline = pipeline.withBindings(await allBindingsOf(pipeline, options.bind));
  if (options.speed !== undefined) pipeline = pipeline.withBindings(replayed(pipeline, parseSpeed(options.speed)));
  const { dataDir, fsync = false } = options;
  const http = options.http === undefined ? undefined : httpAt(options.http);
  if (http !== undefined && readableTables(pipeline).length === 0) {
    throw new UsageError(`${pipeline.name} keeps no table to serve`, 'make one: stream.keyBy(...).toTable(id)');
  }
  const stop = listenForStop((text) => say(options, text), dataDir === undefined ? undefined : commandLine());
  const display = displayFor(options);
  let code: number = exitCodes.failed;
  try {
    const open = await openEmbedded(pipeline, {
      ...{ fsync, signal: stop.signal, telemetry: warnings((text) => warn(text, display, options)) },
      ...(dataDir === undefined ? {} : { dataDir }),
      connections: await connectionsOf(options),
    });
    const server = http === undefined ? undefined : await served(open, http);
    try {
      announce(open, server?.address, options);
      const onProgress = display.update.bind(display);
      const onStopRequest = (request: StopRequest): void => {
        display.end();
        say(options, request === 'stop' ? 'stopping, as millrace stop asks' : 'draining, as millrace stop asks');
      };
      const done = await carryOut(open, { signal: stop.signal, onProgress, onStopRequest }).finally(() =>
        display.end(),
      );
      code = await conclude(loaded, done, options, stop);
    } finally {
      await server?.close();
      await open.close();
    }
  } catch (error) {
    if (error === stop.signal.reason) {
      say(options, 'stopped before it began');
      code = stop.code();
    } else {
      printFailure(error, options);
      code = exitCodeOf(error, dataDir);
    }
  } finally {
    stop.end();
  }
  await flushed();
  process.exit(code);
}

async function connectionsOf(options: RunCommandOptions): Promise<Readonly<Record<string, unknown>>> {
  const kafka = kafkaOf(options);
  if (kafka === undefined) return {};
  const { KafkaClient } = await import('../lib/adapters/kafka/index.ts');
  return { kafka: new KafkaClient(kafka) };
}

/** Serves the tables of an open run, which is closed if that cannot be. */
async function served(open: OpenEmbedded, at: ReturnType<typeof httpAt>): ReturnType<typeof serveTables> {
  try {
    return await serveTables(open, at);
  } catch (error) {
    await open.close();
    throw error;
  }
}

function announce(
  { run, pipeline, dataDir }: OpenEmbedded,
  http: string | undefined,
  options: RunCommandOptions,
): void {
  const { tasks, record, resumed, changedStages } = run.open;
  if (options.json === true) {
    const facts = { pipeline: pipeline.name, run: record.id, resumed, dataDir, tasks: tasks.length, http };
    printJson({ event: 'started', ...facts });
    return;
  }
  if (options.quiet === true) return;
  const kept = dataDir === undefined ? 'in memory' : resumed ? `going on from ${dataDir}` : `state in ${dataDir}`;
  const size = `${counted(pipeline.plan.stages.length, 'stage')}, ${counted(tasks.length, 'task')}`;
  say(options, `${errorColours.bold(pipeline.name)}: ${size}, ${kept}`);
  if (http !== undefined) say(options, `tables: http://${http}/tables`);
  if (changedStages.length > 0)
    say(options, `changed code takes over in ${counted(changedStages.length, 'stage')}: ${changedStages.join(', ')}`);
}

async function conclude(
  { summary }: PipelineModule,
  done: RunSummary,
  options: RunCommandOptions,
  stop: StopSignals,
): Promise<number> {
  const { json, quiet, dataDir } = options;
  const text = done.kind === 'finished' && summary !== undefined && quiet !== true ? await summary(done) : undefined;
  if (json === true) {
    const { error, ...facts } = done;
    printJson({
      event: done.kind,
      ...facts,
      ...(error === undefined ? {} : { error: failureData(error, options.stack) }),
    });
  } else {
    if (quiet !== true && done.kind !== 'failed') printSummary(done);
    if (quiet !== true && done.kind === 'finished' && done.resumed && done.records === 0)
      say(options, 'all input had been read before; to process it again, name another data directory');
    if (text !== undefined) print(`\n${text}`);
    if (done.error !== undefined) printFailure(done.error, options);
    if (done.kind !== 'finished') sayHowToGoOn(done, options);
  }
  if (done.kind === 'finished') return exitCodes.ok;
  if (done.error !== undefined) return exitCodeOf(done.error, dataDir);
  return stop.code();
}

function sayHowToGoOn({ kind, dataDir, pipeline }: RunSummary, options: RunCommandOptions): void {
  if (dataDir !== undefined) {
    const when = kind === 'failed' ? 'when that is mended, ' : '';
    say(options, `everything up to the last commit is kept; ${when}go on with:\n  ${commandLine()}`);
  } else if (kind === 'stopped') {
    const again = commandLine(['--data-dir', `data/${pipeline}`]);
    say(options, `nothing is kept, as there is no data directory; a run that can go on is begun with:\n  ${again}`);
  }
}

function warn(message: string, display: ProgressDisplay, { json, quiet }: RunCommandOptions): void {
  if (quiet === true) return;
  display.end();
  if (json === true) printJson({ event: 'warning', message });
  else printError(`${errorColours.yellow('warning:')} ${message}`);
}

function displayFor({ json, quiet }: RunCommandOptions): ProgressDisplay {
  if (quiet === true) return noProgress();
  if (json === true) return jsonProgress();
  return process.stderr.isTTY ? terminalProgress(process.stderr) : plainProgress();
}

function say({ json }: CommonOptions, text: string): void {
  if (json !== true) printError(text);
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function wholeNumber(text: string): number {
  const n = Number(text);
  if (Number.isSafeInteger(n) && n > 0) return n;
  throw new UsageError(`${text} is no positive whole number`);
}
