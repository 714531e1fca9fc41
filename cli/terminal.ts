/** What goes to the person or the program that reads: results to standard output, everything else to standard error. */
import pc from 'picocolors';

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly stack?: boolean;
}

type Stream = NodeJS.WriteStream;

/** Whether colours are understood at the other end; NO_COLOR and FORCE_COLOR have the last word. */
const colourful = (stream: Stream): boolean =>
  !process.env['NO_COLOR'] && (Boolean(process.env['FORCE_COLOR']) || (stream.isTTY === true && pc.isColorSupported));

/** Colours for standard output. */
export const colours = pc.createColors(colourful(process.stdout));
/** Colours for standard error. */
export const errorColours = pc.createColors(colourful(process.stderr));

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printError = (text: string): void => void process.stderr.write(`${text}\n`);
/** One line of JSON. */
export const printJson = (value: unknown): void => print(jsonText(value));
/** Data as JSON on one line. */
export const jsonText = (value: unknown): string => JSON.stringify(value, jsonable) ?? 'null';

/** What JSON has no words for: bigints become strings; infinities and NaN null, as ever. */
function jsonable(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Waits until all that was printed has left the process. */
export async function flushed(): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
}

/** Rows as text in columns, as wide as they need; numbers to the right. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  const right = head.map((_, i) => rows.length > 0 && rows.every((row) => /^[-+]?[\d,.]*[%x]?$/.test(row[i] ?? '')));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, i) => (right[i] ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width)))
      .join('  ')
      .trimEnd();
  return [colours.dim(line(head)), ...rows.map(line)].join('\n');
}

/** A number with separators between thousands. */
export const grouped = (n: number): string => n.toLocaleString('en-US');

/** `1 task`, `2 tasks`. */
export const counted = (n: number, what: string): string => `${grouped(n)} ${what}${n === 1 ? '' : 's'}`;

/** A time for people, in UTC, no finer than seconds. */
export const timeText = (millis: number | undefined): string =>
  millis === undefined ? '-' : new Date(millis).toISOString().replace(/\.\d+Z$/, 'Z');

/** A span for people: `350 ms`, `12.3 s`, `4 min 5 s`. */
export function spanText(millis: number): string {
  if (millis < 1_000) return `${Math.round(millis)} ms`;
  if (millis < 60_000) return `${(millis / 1_000).toFixed(1)} s`;
  return `${Math.floor(millis / 60_000)} min ${Math.round((millis % 60_000) / 1_000)} s`;
}

/** A size for people. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let unit = -1;
  let size = bytes;
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000;
    unit++;
  }
  return `${size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}
