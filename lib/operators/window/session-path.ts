import { type KeyId, MillraceError } from '../../model/index.ts';
import { NONE } from '../../state/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { accumulators } from './accumulators.ts';
import type { Session } from './assigner.ts';
import type { Emission } from './emission.ts';
import type { Lateness } from './lateness.ts';
import { clearedAt } from './window.ts';

/** A session as it is stored. */
interface SessionSpan {
  readonly start: number;
  readonly end: number;
  readonly acc: unknown;
}

/**
 * Sessions by event time that aggregate and fire at their end. A session is one row, (key, start of the record that opened it): a number that stays inside the
 * session however it grows, so no two have the same. A record extends the sessions it overlaps or touches, merged into the first of them by sub.
 */
export function sessionPath(
  context: OperatorContext,
  assigner: Session<unknown>,
  aggregator: Aggregator<unknown, unknown, unknown>,
  late: Lateness,
  emission: Emission,
): Operator {
  const { gap } = assigner;
  const { time: now } = context;
  const { allowed } = late;
  const accs = accumulators(aggregator, 2);
  const { layout } = accs;
  const table = context.rows<SessionSpan>('$windows', {
    ...layout,
    pack(session, numbers, at) {
      numbers[at] = session.start;
      numbers[at + 1] = session.end;
      return layout.pack(session.acc, numbers, at);
    },
    unpack: (numbers, at, part) => ({
      start: numbers[at]!,
      end: numbers[at + 1]!,
      acc: layout.unpack(numbers, at, part),
    }),
    domain: 'event',
    onTimer(row, time) {
      const at = table.at(row);
      const start = table.numbers[at]!;
      const end = table.numbers[at + 1]!;
      if (time < end) {
        emission.emit(table.keyAt(row), table.subAt(row), start, end, end - 1, accs.result(table, row));
        const clearing = clearedAt(end, allowed);
        if (clearing > now.watermark) {
          table.scheduleRow(row, clearing);
          return;
        }
      }
      table.drop(row);
    },
  });

  /** Sessions that the record joins, the last first. */
  const joined: number[] = [];
  const record: Receiver['record'] = (value, time, key) => {
    let start = time;
    let end = time + (typeof gap === 'number' ? gap : checkedGap(gap(value)));
    let n = 0;
    for (let row = table.last(key as KeyId); row !== NONE; row = table.before(row)) {
      const at = table.at(row);
      const { numbers } = table;
      if (numbers[at]! > end) continue;
      if (numbers[at + 1]! < start) break;
      joined[n++] = row;
    }
    const { watermark } = now;
    let row: number;
    if (n === 0) {
      if (end - 1 <= watermark && clearedAt(end, allowed) <= watermark) {
        late.late(value, time, key);
        return;
      }
      row = table.add(key as KeyId, start);
      accs.begin(table, row, value, time);
    } else {
      row = joined[n - 1]!;
      for (let i = n - 1; i >= 0; i--) {
        const other = joined[i]!;
        const at = table.at(other);
        table.touchRow(other);
        start = Math.min(start, table.numbers[at]!);
        end = Math.max(end, table.numbers[at + 1]!);
        if (other === row) continue;
        accs.merge(table, row, other);
        table.drop(other);
      }
      accs.add(table, row, value, time);
    }
    const at = table.at(row);
    table.numbers[at] = start;
    table.numbers[at + 1] = end;
    const closed = end - 1 <= watermark;
    const timer = closed ? clearedAt(end, allowed) : end - 1;
    if (table.timerAt(row) !== timer) table.scheduleRow(row, timer);
    if (closed) {
      late.refired();
      emission.emit(key as KeyId, table.subAt(row), start, end, end - 1, accs.result(table, row));
    }
  };
  return { inputs: [{ record }] };
}

/** The gap of a record as the author's function gave it; throws `operator-failed` unless it is a positive whole number of milliseconds. */
export function checkedGap(gap: number): number {
  if (Number.isSafeInteger(gap) && gap > 0) return gap;
  throw new MillraceError(
    'operator-failed',
    `a session's gap must be a positive whole number of milliseconds, not ${gap}`,
    {
      hint: 'return minutes(...) or another duration for every record',
    },
  );
}
