import type { KeyId } from '../../model/index.ts';
import { NONE } from '../../state/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import { accumulators } from './accumulators.ts';
import type { Tumbling } from './assigner.ts';
import type { Emission } from './emission.ts';
import type { Lateness } from './lateness.ts';
import { alignDown, clearedAt } from './window.ts';

/**
 * Tumbling windows by event time that aggregate and fire at their end: the lean path. A window is one row, (key, end), which holds the bare
 * accumulator; its timer is the window's last millisecond, and after that the time at which it is cleared.
 */
export function tumblingPath(
  context: OperatorContext,
  assigner: Tumbling,
  aggregator: Aggregator<unknown, unknown, unknown>,
  late: Lateness,
  emission: Emission,
): Operator {
  const { size, offset } = assigner;
  const { time: now } = context;
  const { allowed } = late;
  const accs = accumulators(aggregator);
  const table = context.rows<unknown>('$windows', {
    ...accs.layout,
    domain: 'event',
    onTimer(row, time) {
      const key = table.keyAt(row);
      const end = table.subAt(row);
      if (time < end) {
        emission.emit(key, end, end - size, end, end - 1, accs.result(table, row));
        const clearing = clearedAt(end, allowed);
        if (clearing > now.watermark) {
          table.scheduleRow(row, clearing);
          return;
        }
      }
      table.drop(row);
      if (emission.clears) emission.cleared(key, end);
    },
  });

  let start = 0;
  let end = 0;
  const record: Receiver['record'] = (value, time, key) => {
    if (time < start || time >= end) {
      start = alignDown(time, size, offset);
      end = start + size;
    }
    const closed = end - 1 <= now.watermark;
    if (closed && clearedAt(end, allowed) <= now.watermark) {
      late.late(value, time, key);
      return;
    }
    let row = table.row(key as KeyId, end);
    if (row === NONE) {
      row = table.add(key as KeyId, end);
      accs.begin(table, row, value, time);
      table.scheduleRow(row, closed ? clearedAt(end, allowed) : end - 1);
    } else {
      table.touchRow(row);
      accs.add(table, row, value, time);
    }
    if (closed) {
      late.refired();
      emission.emit(key as KeyId, end, start, end, end - 1, accs.result(table, row));
    }
  };
  return { inputs: [{ record }] };
}
