import { type ErrorWhere, MillraceError, messageOf } from '../lib/model/index.ts';
import { UsageError } from './exit-codes.ts';
import { type CommonOptions, errorColours, printError, printJson } from './terminal.ts';

/** Tells what went wrong, where, and what to do about it; with `--stack` also where in the code. */
export function printFailure(error: unknown, options: CommonOptions): void {
  if (options.json === true) {
    printJson({ event: 'error', ...failureData(error, options.stack === true) });
    return;
  }
  printError(`${errorColours.red('error:')} ${messageOf(error)}`);
  if (error instanceof MillraceError) {
    const place = placeText(error.where);
    if (place !== '') printError(`   at: ${place}`);
  }
  const hint = error instanceof MillraceError || error instanceof UsageError ? error.hint : undefined;
  if (hint !== undefined) printError(` ${errorColours.cyan('hint:')} ${hint}`);
  if (options.stack === true) printError(`\n${stackOf(error)}`);
  else if (isDefect(error)) printError(' hint: this is a defect of millrace; --stack shows where it happened');
  else if (hint === undefined && error instanceof MillraceError && error.kind === 'operator-failed')
    printError(` ${errorColours.cyan('hint:')} --stack shows where in the code`);
}

/** An error as data. */
export function failureData(error: unknown, stack = false): Readonly<Record<string, unknown>> {
  const known = error instanceof MillraceError ? error : undefined;
  return {
    kind: known?.kind ?? (error instanceof UsageError ? 'usage' : 'internal'),
    message: messageOf(error),
    ...(known === undefined ? {} : { fault: known.fault, where: known.where }),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    ...(error instanceof UsageError && error.hint !== undefined ? { hint: error.hint } : {}),
    ...(stack ? { stack: stackOf(error) } : {}),
  };
}

const isDefect = (error: unknown): boolean =>
  error instanceof MillraceError ? error.kind === 'internal' : !(error instanceof UsageError);

/** The innermost cause first to be met: errors in the author's code are causes of what is told. */
function stackOf(error: unknown): string {
  const own = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? own : `${own}\ncaused by: ${stackOf(cause)}`;
}

function placeText(where: ErrorWhere): string {
  const { operator, source, sink, stage, partition, offset } = where;
  const named = { source, operator, sink, stage, partition, offset };
  return Object.entries(named)
    .filter(([name, value]) => value !== undefined && !(name === 'stage' && (value === source || value === operator)))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
