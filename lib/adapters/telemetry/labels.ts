import type { Labels } from '../../ports/index.ts';

const known = new WeakMap<Labels, string>();

/** One text per set of labels, whatever their order: a map key. Remembered for label objects used again. */
export function labelsKey(labels: Labels): string {
  let key = known.get(labels);
  if (key === undefined) {
    const names = Object.keys(labels);
    if (names.length > 1) names.sort();
    key = names.map((name) => `${name}\0${labels[name]}`).join('\0\0');
    known.set(labels, key);
  }
  return key;
}

/** True if `labels` has all of `wanted`. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.keys(wanted).every((name) => String(labels[name]) === String(wanted[name]));
}
