import type { KeyId } from '../../model/index.ts';
import type { Aggregator } from '../aggregate/index.ts';
import type { Operator, OperatorContext, Receiver } from '../operator.ts';
import type { Tumbling } from './assigner.ts';
import type { Emission } from './emission.ts';
import type { Lateness } from './lateness.ts';
import { alignDown, clearedAt } from './window.ts';

/**
 * Tumbling windows by event time that aggregate and fire at their end: the lean path. A window is one cell, (key, end), which holds the bare
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
  const table = context.table<unknown>('$windows', {
    clone: aggregator.clone,
    numbers: aggregator.slots !== undefined,
    domain: 'event',
    onTimer(cell, time) {
      const { key, value } = cell;
      const end = cell.sub as number;
      if (time < end) {
        emission.emit(key, end, end - size, end, end - 1, aggregator.result(value));
        const clearing = clearedAt(end, allowed);
        if (clearing > now.watermark) {
          table.schedule(cell, clearing);
          return;
        }
      }
      table.remove(cell);
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
    let cell = table.find(key as KeyId, end);
    if (cell === undefined) {
      cell = table.create(key as KeyId, end, aggregator.add(aggregator.create(), value, time));
      table.schedule(cell, closed ? clearedAt(end, allowed) : end - 1);
    } else {
      table.touch(cell);
      cell.value = aggregator.add(cell.value, value, time);
    }
    if (closed) {
      late.refired();
      emission.emit(cell.key, end, start, end, end - 1, aggregator.result(cell.value));
    }
  };
  return { inputs: [{ record }] };
}
