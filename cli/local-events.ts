/** `millrace local events`: Lambda's event source for Kafka, on this machine. */
import type { KafkaConnection } from '../lib/adapters/kafka/index.ts';
import { SeededRandom } from '../lib/adapters/simulated/index.ts';
import type { AwsConnection } from '../lib/aws/index.ts';
import {
  badDay,
  goodDay,
  type Habits,
  type KafkaMapping,
  LambdaFunctions,
  LocalEventSource,
  mappingDefaults,
  type News,
  StackEventSource,
} from '../lib/local/index.ts';
import { milliseconds, seconds } from '../lib/model/index.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { failureData } from './failure.ts';
import { type EventsFlags, positive } from './local-flags.ts';
import { colours, counted, errorColours, flushed, printError, printJson, sizeText, spanText } from './terminal.ts';

export interface EventsPlace {
  readonly aws: AwsConnection;
  readonly kafka: KafkaConnection;
}

/** Runs the mappings of stacks until a signal ends it. */
export async function followStacks(stacks: readonly string[], place: EventsPlace, flags: EventsFlags): Promise<void> {
  const source = await StackEventSource.open({
    ...{ ...place, ...habitsOf(flags), stacks, tell: teller(flags) },
    ...(flags.schedule === undefined ? {} : { schedule: seconds(flags.schedule) }),
  });
  const { mappings, schedules } = source;
  if (flags.json !== true && flags.quiet !== true) {
    for (const { topic, functionName } of mappings) printError(`${topic} -> ${functionName}`);
    if (mappings.length === 0)
      printError(errorColours.yellow(`no event source mapping of Kafka in ${stacks.join(', ')}`));
    if (flags.schedule !== undefined) {
      for (const { functionName } of schedules) printError(`every ${flags.schedule} s -> ${functionName}`);
    }
  }
  await untilStopped(() => source.stop(), flags);
}

/** Runs mappings that are said by options, until a signal ends it. */
export async function followTopics(maps: readonly string[], place: EventsPlace, flags: EventsFlags): Promise<void> {
  const functions = new LambdaFunctions(place.aws);
  const mappings = maps.map((text) => mappingOf(text, place.kafka));
  const source = new LocalEventSource({
    ...{ mappings, kafka: place.kafka, ...habitsOf(flags), tell: teller(flags) },
    call: (name, payload) => functions.call(name, payload),
  });
  await untilStopped(() => source.stop(), flags);
  functions.close();
}

/** `topic=function` with settings behind commas: `orders=my-function,group=g,batch=100,window=1,start=LATEST`. */
function mappingOf(text: string, kafka: KafkaConnection): KafkaMapping {
  const [head = '', ...rest] = text.split(',');
  const [topic, functionName] = pair(head);
  const settings = new Map(rest.map(pair));
  const {
    group = `${functionName}-${topic}`,
    batch,
    window,
    start = mappingDefaults.startingPosition,
    ...unknown
  } = Object.fromEntries(settings);
  const [odd] = Object.keys(unknown);
  if (odd !== undefined) throw new UsageError(`--map knows no ${odd}`, 'it knows group, batch, window and start');
  if (start !== 'TRIM_HORIZON' && start !== 'LATEST')
    throw new UsageError(`--map starts at ${start}`, 'TRIM_HORIZON or LATEST');
  return {
    ...{ name: topic, topic, functionName, group, startingPosition: start },
    batchSize: batch === undefined ? mappingDefaults.batchSize : positive(batch),
    window: window === undefined ? mappingDefaults.window : milliseconds(Number(window) * 1_000),
    form: { kind: 'self-managed', bootstrapServers: kafka.brokers.join(',') },
  };
}

function pair(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new UsageError(`${text} is no name=value`);
}

function habitsOf({ badDay: bad = false, habit, seed, concurrency }: EventsFlags) {
  const chosen: Partial<Record<keyof Habits, number>> = bad ? { ...badDay } : {};
  for (const [name, text] of habit.map(pair)) {
    const probability = Number(text);
    if (!(name in goodDay)) throw new UsageError(`there is no habit ${name}`, Object.keys(goodDay).join(', '));
    if (!(probability >= 0 && probability <= 1)) throw new UsageError(`${text} is no probability`, 'from 0 to 1');
    chosen[name as keyof Habits] = probability;
  }
  return {
    habits: chosen,
    ...(seed === undefined ? {} : { random: new SeededRandom(seed) }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
}

/** The first signal lets calls under way end, the second ends at once. */
async function untilStopped(stop: () => Promise<void>, { json, quiet }: EventsFlags): Promise<void> {
  if (json === true) printJson({ event: 'polling' });
  else if (quiet !== true) printError('polling; Ctrl-C ends it');
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  const code = signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted;
  if (json !== true) printError('stopping when calls under way have ended; again to stop at once');
  process.once('SIGINT', () => process.exit(code));
  process.once('SIGTERM', () => process.exit(code));
  await stop();
  await flushed();
  process.exitCode = code;
}

function teller({ json = false, quiet = false }: EventsFlags): (news: News) => void {
  return (news) => {
    const isGood = news.kind === 'polling' || news.kind === 'delivered' || news.kind === 'habit';
    if (quiet && isGood) return;
    if (json)
      return printJson(
        news.kind === 'trouble'
          ? { event: news.kind, ...news, error: failureData(news.error) }
          : { event: news.kind, ...news },
      );
    const mark = isGood ? '' : `${errorColours.yellow(news.kind)} `;
    printError(`${colours.dim(new Date().toISOString().slice(11, 23))} ${mark}${news.mapping}: ${textOf(news)}`);
  };
}

function textOf(news: News): string {
  switch (news.kind) {
    case 'polling':
      return `polling ${counted(news.partitions, 'partition')} of ${news.topic}`;
    case 'delivered': {
      const from = counted(news.stretches.length, 'partition');
      const again = news.attempts > 1 ? `, at attempt ${news.attempts}` : '';
      return `${counted(news.records, 'record')} of ${from}, ${sizeText(news.bytes)}, in ${spanText(news.took)}${again}`;
    }
    case 'failed':
    case 'throttled':
      return `${news.message} (attempt ${news.attempts}; it is called again)`;
    case 'habit':
      return `a bad habit: ${news.habit}`;
    case 'oversized':
      return `left out ${news.partition}/${news.offset}: ${sizeText(news.bytes)} fit into no payload`;
    case 'trouble':
      return `${news.error.message}${news.error.hint === undefined ? '' : ` (${news.error.hint})`}`;
  }
}
