import { MillraceError, messageOf } from '../../model/index.ts';
import type { Json, SinkConnector } from '../../ports/index.ts';
import { AppendFile } from './append-file.ts';
import { fillPath, isSingle } from './sink-path.ts';

export interface FileSinkOptions {
  /** One file for all, or, with `{task}` in it, one a task. `{pipeline}` and `{run}` are filled in too. Missing folders are made. */
  readonly path: string;
  /** Write to the path itself from the start, not to `<path>.inprogress` until the input has ended. For pipelines without an end. */
  readonly inPlace?: boolean;
  /** Flush to the disk with every batch, so that results outlast a loss of power and not only of the process. Default false. */
  readonly flush?: boolean;
}

/**
 * One JSON value a line. Exactly once: the commit remembers the file's length, and a writer that takes over cuts the file back to it. While the
 * pipeline runs the file is `<path>.inprogress`, whose lines up to the last commit are whole; a pipeline without an end never gives it its name,
 * unless `inPlace`.
 *
 * Values as JSON.stringify writes them: dates as ISO strings, `undefined` fields left out, NaN and infinities as null; bigints as strings.
 */
export function toJsonl<T = unknown>(options: FileSinkOptions): SinkConnector<T> {
  const { path, inPlace = false, flush = false } = options;
  return {
    kind: 'jsonl',
    options: { path, inPlace, flush },
    guarantee: 'exactly-once',
    goesBack: true,
    single: isSingle(path),
    async open(host, state) {
      const file = AppendFile.open(fillPath(path, host), lengthOf(state), inPlace);
      return {
        async write(batch) {
          if (batch.values.length > 0) {
            file.append(jsonLines(batch.values));
            if (flush) file.sync();
          }
          return { bytes: file.length };
        },
        finish: async () => file.finish(),
        close: async () => file.close(),
      };
    },
  };
}

/** The length that a file sink's state remembers. */
export function lengthOf(state: Json | undefined): number | undefined {
  if (state === undefined || state === null) return undefined;
  const bytes = (state as { readonly bytes?: Json }).bytes;
  if (typeof bytes !== 'number')
    throw new MillraceError('incompatible', 'the state of a file sink cannot be understood');
  return bytes;
}

/** Lines are written in pieces of about so many characters. */
const PIECE = 65_536;

/** Rows as lines of JSON, each with its line break, in pieces. */
function* jsonLines(values: readonly unknown[]): Generator<Uint8Array> {
  let lines = '';
  for (let i = 0; i < values.length; i++) {
    lines += `${jsonOf(values[i])}\n`;
    if (lines.length < PIECE) continue;
    yield Buffer.from(lines);
    lines = '';
  }
  if (lines !== '') yield Buffer.from(lines);
}

/** A value as JSON, bigints as strings; `bad-record` for what JSON cannot hold. */
export function jsonOf(value: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (thrown) {
    cause = thrown;
    text = withBigints(value);
  }
  if (text !== undefined) return text;
  const why = cause === undefined ? `a ${typeof value} has no JSON` : messageOf(cause);
  throw new MillraceError('bad-record', `a record cannot be written as JSON: ${why}`, {
    hint: 'map it to plain data before the sink',
    cause,
  });
}

function withBigints(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part));
  } catch {
    return undefined;
  }
}
