import { isUtf8 } from 'node:buffer';
import { messageOf } from '../../model/index.ts';
import { broken, type Place, type RecordFormat, type Spans } from './record-format.ts';

const NEWLINE = 10;
const COMMA = 44;
const OPEN = 123;
const CLOSE = 125;

/** One JSON value a line. Blank lines are no rows. */
export const jsonLines: RecordFormat = {
  noun: 'line',
  headers: 0,
  unclosed: undefined,
  endOf(bytes, from, end) {
    const at = bytes.indexOf(NEWLINE, from);
    return at >= end ? -1 : at;
  },
  closes: () => false,
  isBlank(bytes, from, end) {
    for (let i = from; i < end; i++) if ((bytes[i] ?? 0) > 32) return false;
    return true;
  },
  decode(bytes, spans, values, place) {
    if (!decodeTogether(bytes, spans, values)) decodeEach(jsonLines, bytes, spans, values, place);
  },
};

/**
 * Parses a block of lines in one call, a fifth faster than a call a line, and false if that cannot be trusted.
 *
 * It can be where every line begins with `{` and has one `}`, its last byte. Joined by commas (put in place of the line breaks for a moment) and parsed, such lines
 * give only objects, each of which needs a `}` to end. So if n lines give n values, value i ends at the end of line i.
 */
function decodeTogether(bytes: Buffer, spans: Spans, values: unknown[]): boolean {
  const { count, starts, ends } = spans;
  if (count < 2 || spans.gaps) return false;
  for (let i = 0; i < count; i++) {
    const start = starts[i] as number;
    if (bytes[start] !== OPEN || bytes.indexOf(CLOSE, start) !== (ends[i] as number) - 1) return false;
  }
  const from = starts[0] as number;
  const to = ends[count - 1] as number;
  if (!isUtf8(bytes.subarray(from, to))) return false;
  let rows: unknown[];
  for (let i = 1; i < count; i++) bytes[(starts[i] as number) - 1] = COMMA;
  const text = bytes.toString('utf8', from, to);
  for (let i = 1; i < count; i++) bytes[(starts[i] as number) - 1] = NEWLINE;
  try {
    rows = JSON.parse(`[${text}]`);
  } catch {
    return false;
  }
  if (rows.length !== count) return false;
  for (let i = 0; i < count; i++) values.push(rows[i]);
  return true;
}

/** Parses record by record, an `Undecodable` in the place of one that is not JSON. */
export function decodeEach(format: RecordFormat, bytes: Buffer, spans: Spans, values: unknown[], place: Place): void {
  const { count, starts, ends } = spans;
  if (count === 0) return;
  const base = starts[0] as number;
  const block = bytes.subarray(base, ends[count - 1] as number);
  const sound = isUtf8(block);
  const text = block.toString('utf8');
  const oneByteEach = text.length === block.length;
  for (let i = 0; i < count; i++) {
    const start = starts[i] as number;
    const end = ends[i] as number;
    if (!sound && !isUtf8(bytes.subarray(start, end))) {
      values.push(broken(format, bytes, spans, i, place, 'is not valid UTF-8'));
      continue;
    }
    try {
      values.push(JSON.parse(oneByteEach ? text.slice(start - base, end - base) : bytes.toString('utf8', start, end)));
    } catch (thrown) {
      values.push(broken(format, bytes, spans, i, place, `is not JSON: ${messageOf(thrown)}`, thrown));
    }
  }
}
