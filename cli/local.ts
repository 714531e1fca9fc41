/** `millrace local`: a deployed pipeline on this machine, without Docker or an account. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { cacheFolder } from '../scripts/services/service.ts';
import { exitCodesHelp } from './exit-codes.ts';
import {
  type DeployFlags,
  type DestroyFlags,
  type DownFlags,
  type EventsCommandFlags,
  positive,
  type UpFlags,
} from './local-flags.ts';

/** Loaded when one of these commands is given: the others need none of it. */
const actions = () => import('./local-actions.ts');

/** `millrace local` */
export function addLocal(program: Command): void {
  const local = program
    .command('local')
    .description(
      'deploy pipelines to this machine: a real Kafka, a local AWS that runs functions, and an event source',
    );
  addUp(local);
  addDeploy(local);
  addEvents(local);
  addDestroy(local);
  addDown(local);
}

const withFolder = (command: Command): Command =>
  command.option('--folder <dir>', 'where it all is kept', join(cacheFolder(), 'local-cloud'));

const withPlace = (command: Command): Command =>
  withFolder(command)
    .option('-k, --kafka <brokers>', 'another Kafka than the one in the folder: host:port, comma separated')
    .option('--endpoint <url>', 'another local AWS than the one in the folder, such as LocalStack');

function addUp(local: Command): void {
  withFolder(local.command('up').description('start Kafka and a local AWS, and print where they are'))
    .option('--kafka-port <n>', 'default: any free one, and then always that', positive)
    .option('--aws-port <n>', 'default: any free one, and then always that', positive)
    .addHelpText(
      'after',
      `
The first time they are installed, to ~/.cache/millrace: Kafka by Maven (it takes Java 17), MiniStack by Python 3.10 with
venv. They listen on 127.0.0.1 only, and go on when the command has ended: millrace local down stops them. What is
deployed to the local AWS is gone when it stops; what is in Kafka stays.

Example, with the variables that other commands read:
  eval "$(millrace local up)"
${exitCodesHelp}`,
    )
    .action(async (flags: UpFlags) => (await actions()).up(flags));
}

function addDeploy(local: Command): void {
  const command = withPlace(
    local
      .command('deploy [pipeline]')
      .description('deploy a pipeline with the CDK, and deliver what comes to its topics until Ctrl-C'),
  )
    .option('--app <command>', 'a CDK app of your own instead of a pipeline, as in cdk --app')
    .option('-c, --context <key=value>', 'context for the app', collect, [])
    .option('--partitions <n>', 'partitions of the topics of sources and sinks', positive, 4)
    .option('--s3-endpoint <url>', 'where buckets have host names: for LocalStack')
    .option('--no-mappings', 'create no event source mappings and no schedule, which LocalStack does not run')
    .option('--detach', 'deliver in the background; millrace local down ends it')
    .option('--no-events', 'deploy only');
  addEventsOptions(command)
    .addHelpText(
      'after',
      `
Starts what millrace local up starts, unless --kafka and --endpoint say where it runs. The CDK is your project's own
(aws-cdk, aws-cdk-lib, constructs, esbuild). Sources and sinks of the pipeline are put on topics of the name
<pipeline>-<id>, which are made if they do not exist. An app of your own gets the context "brokers".

Examples:
  millrace local deploy examples/flights
  millrace local deploy examples/flights --bad-day --seed 7
  millrace local deploy --app 'node cdk/app.ts' --detach
  millrace local deploy . --kafka localhost:9092 --endpoint http://localhost:4566 --no-mappings --schedule 60
${exitCodesHelp}`,
    )
    .action(async (pipeline: string | undefined, flags: DeployFlags) => (await actions()).deploy(pipeline, flags));
}

/** Options of commands that run an event source. */
function addEventsOptions(command: Command): Command {
  return command
    .option('--schedule <s>', 'call what the schedules of the stacks call, every so many seconds', positive)
    .option('--bad-day', 'do all that Lambda may do and rarely does: repeat, overlap, throttle, forget')
    .option('--habit <name=probability>', 'one of it: 0 is never, 1 always', collect, [])
    .option('--seed <text>', 'the habits’ choices, the same each time')
    .option('--concurrency <n>', 'deliveries of one mapping under way at once, at most; default 5', positive)
    .option('-q, --quiet', 'only what goes wrong');
}

function addEvents(local: Command): void {
  const command = withPlace(
    local
      .command('events [stacks...]')
      .description('poll topics and call functions, as Lambda’s event source mappings of Kafka do'),
  ).option('--map <topic=function>', 'a mapping that no stack has; settings behind commas', collect, []);
  addEventsOptions(command)
    .addHelpText(
      'after',
      `
For any function that Kafka triggers, of millrace or not. Mappings are read from the templates of deployed stacks, or said
by --map: topic=function,group=g,batch=100,window=0.5,start=LATEST. Functions are called through the API of Lambda at
--endpoint. A delivery is made again until it succeeds; offsets are committed to the mapping's consumer group after that.

Examples:
  millrace local events my-stack
  millrace local events my-stack --bad-day --seed 7
  millrace local events --map orders=my-function,batch=10 --kafka localhost:9092 --endpoint http://localhost:4566
${exitCodesHelp}`,
    )
    .action(async (stacks: readonly string[], flags: EventsCommandFlags) => (await actions()).events(stacks, flags));
}

function addDestroy(local: Command): void {
  withPlace(local.command('destroy').description('delete what was deployed last; state that is to be retained stays'))
    .option('--s3-endpoint <url>', 'where buckets have host names: for LocalStack')
    .action(async (flags: DestroyFlags) => (await actions()).destroy(flags));
}

function addDown(local: Command): void {
  withFolder(local.command('down').description('stop what millrace local has started'))
    .option('--clean', 'delete what it kept, too')
    .action(async (flags: DownFlags) => (await actions()).down(flags));
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
