/** Messages and times as a story tells them. */
import type { Message } from '../../protocol/index.ts';
import { SIM_START } from './world.ts';

/** Seconds from the start. */
export const ofStart = (time: number): string =>
  Math.abs(time) > 1e15 ? (time > 0 ? 'end' : 'none') : `${(time - SIM_START) / 1000}`;

export function textOf(message: Message): string {
  switch (message.kind) {
    case 'frame': {
      const { channel, prev, thru, values, causes, ks, steps } = message;
      const place = (k: number): string => (k === Number.POSITIVE_INFINITY ? 'all' : String(k));
      const records = values.map(
        (value, i) => `(${causes[i]},${ks[i]})${JSON.stringify(value)}@${ofStart(message.times[i]!)}`,
      );
      const marks = steps.filter((_, i) => i % 2 === 1).map((w, i) => `${steps[2 * i]}:${ofStart(w)}`);
      return `${channel.edge}#${channel.task} (${prev.cause},${place(prev.k)})-(${thru.cause},${place(thru.k)}) [${records.join(' ')}] steps [${marks.join(' ')}]`;
    }
    case 'claims':
      return `claims at ${ofStart(message.time)}: ${message.list.map((c) => `${c.channel.edge}#${c.channel.task} after ${c.prev.cause} ${c.watermark === undefined ? 'unknown' : ofStart(c.watermark)} end ${c.upTo} since ${ofStart(c.silentSince)}`).join(', ')}`;
    case 'tick':
      return `tick ${ofStart(message.time)}`;
    case 'barrier':
      return `barrier ${message.epoch}`;
  }
}
