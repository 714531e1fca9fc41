import type { RunSummary } from '../lib/embedded/index.ts';
import { colours, columns, counted, grouped, print, spanText } from './terminal.ts';

/** What a run came to: counts, and per sink where its records are. */
export function printSummary(done: RunSummary): void {
  const { kind, records, milliseconds, sinks } = done;
  const rate = milliseconds > 0 ? ` (${grouped(Math.round((records * 1_000) / milliseconds))}/s)` : '';
  const word = kind === 'finished' ? colours.green('finished') : colours.yellow('stopped');
  print(`${word}: ${counted(records, 'record')} in ${spanText(milliseconds)}${rate}${fatesOf(done)}`);
  const rows = sinks.map((sink) => [sink.sink, grouped(sink.records), sink.path ?? sink.connector, sink.guarantee]);
  if (rows.length > 0) print(columns(['sink', 'records', 'where', 'guarantee'], rows));
}

function fatesOf({ late, refired, deadLettered, skipped, restarts }: RunSummary): string {
  const fates = {
    late,
    'late but in time to update a result': refired,
    'dead-lettered': deadLettered,
    skipped,
    restarts,
  };
  return Object.entries(fates)
    .filter(([, n]) => n > 0)
    .map(([what, n]) => `, ${grouped(n)} ${what}`)
    .join('');
}
