import { dataToJson } from '../../protocol/index.ts';
import type { SimOutcome } from './sim-spec.ts';
import type { SunkRecord } from './sunk-record.ts';

/**
 * Where what the sinks and the dead letters got differs from what they should have got; undefined if nowhere. By order, each task of a sink is compared record by record with its
 * event time; without, all that a sink got.
 */
export function otherOutcome(actual: SimOutcome, expected: SimOutcome, byOrder: boolean): string | undefined {
  for (const [sink, right] of Object.entries(expected.sinks)) {
    const got = actual.sinks[sink] ?? [];
    const tasks = byOrder ? new Set([...right, ...got].map((r) => r.task)) : [undefined];
    for (const task of tasks) {
      const difference = firstDifference(lines(got, task, byOrder), lines(right, task, byOrder));
      if (difference !== undefined) return `${task === undefined ? sink : `${sink}/${task}`}: ${difference}`;
    }
  }
  const letters = ({ deadLetters }: SimOutcome) => deadLetters.map(({ error }) => error.message).sort();
  const difference = firstDifference(letters(actual), letters(expected));
  return difference === undefined ? undefined : `dead letters: ${difference}`;
}

function lines(records: readonly SunkRecord[], task: number | undefined, byOrder: boolean): string[] {
  const those = task === undefined ? records : records.filter((r) => r.task === task);
  const texts = those.map(({ value, time }) => dataToJson({ value, time }));
  return byOrder ? texts : texts.sort();
}

function firstDifference(got: readonly string[], right: readonly string[]): string | undefined {
  const at = right.findIndex((line, i) => got[i] !== line);
  if (at < 0 && got.length === right.length) return undefined;
  const place = at < 0 ? right.length : at;
  return `record ${place} is ${got[place] ?? 'missing'} where ${right[place] ?? 'nothing'} is right`;
}
