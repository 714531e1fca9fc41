/** The commands, one a file beside this one. They print; what there is to decide, the library decides. */
import { Command, CommanderError } from 'commander';
import { addCost } from './cost.ts';
import { addDeadLetters } from './dead-letters.ts';
import { exitCodeOf, exitCodes, exitCodesHelp } from './exit-codes.ts';
import { printFailure } from './failure.ts';
import { addInit } from './init.ts';
import { addLocal } from './local.ts';
import { packageVersion, shareMillrace } from './package-root.ts';
import { addPause } from './pause.ts';
import { addPlan } from './plan.ts';
import { addRun } from './run.ts';
import { addState } from './state.ts';
import { addStatus } from './status.ts';
import { addStop } from './stop.ts';
import { flushed } from './terminal.ts';
import { addWorker } from './worker.ts';

/** The command with all that it can do. */
export const program = new Command('millrace')
  .description('Run, look into and mend stream pipelines written in TypeScript.')
  .version(packageVersion)
  .addHelpText('after', exitCodesHelp)
  .showHelpAfterError('(--help shows what there is)')
  .exitOverride();

addRun(program);
addWorker(program);
addPlan(program);
addStop(program);
addPause(program);
addStatus(program);
addState(program);
addDeadLetters(program);
addCost(program);
addLocal(program);
addInit(program);
for (const command of commandsIn(program)) {
  command
    .option('--json', 'print JSON')
    .option('--stack', 'with errors, show where in the code they came from')
    .exitOverride();
}

/** Does what the process's arguments say, and sets its exit code. */
export async function main(): Promise<void> {
  shareMillrace();
  process.stdout.on('error', leaveQuietly);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? codeOf(error) : report(error);
  }
  await flushed();
}

/** Whoever reads the output may have enough of it, as `head` has. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  throw error;
}

function codeOf({ exitCode }: CommanderError): number {
  return exitCode === 0 ? exitCodes.ok : exitCodes.usage;
}

function report(error: unknown): number {
  const { argv } = process;
  printFailure(error, { json: argv.includes('--json'), stack: argv.includes('--stack') });
  return exitCodeOf(error, dataDirOf(program));
}

/** Every command that does something, those of groups too. */
function commandsIn(group: Command): Command[] {
  return group.commands.flatMap((command) => (command.commands.length > 0 ? commandsIn(command) : [command]));
}

/** The data directory that was given, as an option or an argument. */
function dataDirOf(group: Command): string | undefined {
  for (const command of commandsIn(group)) {
    const place = command.registeredArguments.findIndex((argument) => argument.name() === 'data-dir');
    const given: unknown = command.opts()['dataDir'] ?? command.processedArgs[place];
    if (typeof given === 'string') return given;
  }
  return undefined;
}
