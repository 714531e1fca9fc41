/** Sliding windows by their definition: all records are held for ever, and windows are looked for among all spans anew each time. Slow and plain. */
import { MIN_TIME } from '../../../lib/model/index.ts';
import type { Event, Rec, Result, Story } from './reference.ts';

/** `each`: whether every window that a record changes is told, or only windows that are over. */
export function slidingReference(events: readonly Event[], difference: number, lateness: number, each: boolean): Story {
  const story: Story = { results: [], late: [], onTime: 0, refired: 0, unwindowed: 0 };
  const accepted: { readonly record: Rec; readonly from: number }[] = [];
  const told = new Set<Rec>();
  let watermark: number = MIN_TIME;

  /** The windows of a key by their last millisecond, among the records accepted: those that end with one, or begin after one and have any. */
  const endsOf = (key: string): number[] => {
    const times = accepted.filter(({ record }) => record.key === key).map(({ record }) => record.time);
    const ends = [...times, ...times.map((time) => time + 1 + difference)];
    return [...new Set(ends)].filter((end) => membersOf(key, end).length > 0).sort((a, b) => a - b);
  };
  const membersOf = (key: string, end: number): Rec[] =>
    accepted
      .map(({ record }) => record)
      .filter((record) => record.key === key && record.time <= end && record.time >= end - difference);
  const tell = (key: string, end: number): void => {
    const members = membersOf(key, end);
    for (const record of members) told.add(record);
    const all = members.toSorted((a, b) => a.time - b.time).map(({ v }) => v);
    const sum = members.reduce((total, { v }) => total + v, 0);
    const bounds = { windowStart: end - difference, windowEnd: end + 1 };
    story.results.push({ key, ...bounds, n: members.length, sum, all, time: end } satisfies Result);
  };
  const isOpen = (end: number): boolean => end + lateness > watermark;

  for (const event of events) {
    if ('watermark' in event) {
      const before = watermark;
      watermark = Math.max(watermark, event.watermark);
      if (each) continue;
      const keys = [...new Set(accepted.map(({ record }) => record.key))].sort();
      const due = keys.flatMap((key) => endsOf(key).map((end) => ({ key, end })));
      due.sort((a, b) => a.end - b.end || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
      for (const { key, end } of due) if (end > before && end <= watermark) tell(key, end);
      continue;
    }
    const { record } = event;
    const { key, time } = record;
    if (!isOpen(time + difference)) {
      story.late.push(record);
      continue;
    }
    const before = new Set(endsOf(key));
    accepted.push({ record, from: watermark });
    const changed = endsOf(key).filter(
      (end) => isOpen(end) && (!before.has(end) || (end >= time && end - difference <= time)),
    );
    if (changed.some((end) => end <= watermark)) story.refired++;
    else story.onTime++;
    for (const end of changed) if (each || end <= watermark) tell(key, end);
  }
  story.unwindowed = accepted.filter(({ record }) => !told.has(record)).length;
  return story;
}
