import fc from 'fast-check';
import { MAX_TIME } from '../../../lib/model/index.ts';
import { collect, count, type Evictor, endOfWindow, sum, type Trigger } from '../../../lib/operators/index.ts';
import type { Harness } from '../harness.ts';
import type { Event, Rec, Result, Story } from './reference.ts';

const record = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  jitter: fc.integer({ min: -60, max: 10 }),
  v: fc.integer({ min: -5, max: 100 }),
  gap: fc.integer({ min: 1, max: 25 }),
});

/** Records out of order around a time that moves on, with watermarks between them that sometimes jump, and at last the end of input. */
export const script: fc.Arbitrary<Event[]> = fc
  .array(fc.oneof({ weight: 4, arbitrary: record }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 40 }) }), {
    maxLength: 60,
  })
  .map((moves) => {
    let now = -20;
    const events: Event[] = moves.map((move) => {
      if (typeof move === 'number') {
        now += move;
        return { watermark: now };
      }
      const { key, jitter, v, gap } = move;
      now += 1;
      return { record: { key, time: now + jitter + 20, v, gap } };
    });
    return [...events, { watermark: MAX_TIME }];
  });

export const aggregation = { n: count(), sum: sum((r: Rec) => r.v), all: collect((r: Rec) => r.v) };

/** `endOfWindow` under another name, so that no lean path is taken. */
export const plainTrigger: Trigger = { ...endOfWindow(), name: 'mine' };
/** Evicts nothing, so that records are held one by one. */
export const keepAll: Evictor = { name: 'keepAll', keep: (elements) => elements };

/** Plays a script to an operator; where `undone` says so, it plays an event, takes it back, and plays it again. */
export function play(harness: Harness, events: readonly Event[], undone: (i: number) => boolean = () => false): Story {
  events.forEach((event, i) => {
    const step = (e: Event): void => {
      if ('watermark' in e) harness.advance(e.watermark);
      else harness.record(e.record, e.record.time, e.record.key);
    };
    if (undone(i)) {
      const moment = harness.mark();
      for (const ahead of events.slice(i, i + 4)) step(ahead);
      harness.rollback(moment);
    }
    step(event);
  });
  const results = harness.emitted().map(({ value, time }) => ({ ...(value as Omit<Result, 'time'>), time }));
  const records = events.filter((event) => 'record' in event).length;
  const [late, refired, unwindowed] = ['late', 'refired', 'unwindowed'].map((metric) => harness.count(metric)) as [
    number,
    number,
    number,
  ];
  return {
    results,
    late: harness.values<Rec>('late'),
    onTime: records - late - refired - unwindowed,
    refired,
    unwindowed,
  };
}
