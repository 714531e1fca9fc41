import { type KeyId, MillraceError } from '../../model/index.ts';
import type { Cell } from '../../state/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import type { Session } from './assigner.ts';
import type { Emission } from './emission.ts';
import type { Lateness } from './lateness.ts';
import { clearedAt } from './window.ts';

/** A session as it stands. */
interface SessionSpan {
  start: number;
  end: number;
  acc: unknown;
}

/**
 * Sessions by event time that aggregate and fire at their end. A session is one cell, (key, start of the record that opened it): a number that stays inside the
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
  const table = context.table<SessionSpan>('$windows', {
    clone: ({ start, end, acc }) => ({ start, end, acc: aggregator.clone(acc) }),
    domain: 'event',
    onTimer(cell, time) {
      const { start, end, acc } = cell.value;
      if (time < end) {
        emission.emit(cell.key, cell.sub as number, start, end, end - 1, aggregator.result(acc));
        const clearing = clearedAt(end, allowed);
        if (clearing > now.watermark) {
          table.schedule(cell, clearing);
          return;
        }
      }
      table.remove(cell);
    },
  });

  const record: Receiver['record'] = (value, time, key) => {
    let start = time;
    let end = time + (typeof gap === 'number' ? gap : checkedGap(gap(value)));
    let found: Cell<SessionSpan> | undefined;
    const cells = table.cellsOf(key as KeyId);
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i]!;
      const span = cell.value;
      if (span.start > end || span.end < start) continue;
      table.touch(cell);
      if (found === undefined) {
        found = cell;
      } else {
        found.value.acc = aggregator.merge(found.value.acc, span.acc);
        table.remove(cell);
      }
      if (span.start < start) start = span.start;
      if (span.end > end) end = span.end;
    }
    const { watermark } = now;
    const closed = end - 1 <= watermark;
    if (found === undefined) {
      if (closed && clearedAt(end, allowed) <= watermark) {
        late.late(value, time, key);
        return;
      }
      const acc = aggregator.add(aggregator.create(), value, time);
      found = table.create(key as KeyId, start, { start, end, acc });
    } else {
      const span = found.value;
      span.start = start;
      span.end = end;
      span.acc = aggregator.add(span.acc, value, time);
    }
    const timer = closed ? clearedAt(end, allowed) : end - 1;
    if (found.timer !== timer) table.schedule(found, timer);
    if (closed) {
      late.refired();
      emission.emit(found.key, found.sub as number, start, end, end - 1, aggregator.result(found.value.acc));
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
