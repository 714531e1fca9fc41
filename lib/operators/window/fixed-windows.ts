import type { Cumulating, Hopping, Tumbling } from './assigner.ts';
import { alignDown, alignUp } from './window.ts';

/** Calls `visit` for each window that holds a time, from the latest to the earliest. */
export type EachWindow = (time: number, visit: (start: number, end: number) => void) => void;

/** The windows of an assigner whose windows do not depend on records. */
export function fixedWindows(assigner: Tumbling | Hopping | Cumulating): EachWindow {
  const { size, offset } = assigner;
  if (assigner.kind === 'tumbling') {
    return (time, visit) => {
      const start = alignDown(time, size, offset);
      visit(start, start + size);
    };
  }
  if (assigner.kind === 'hopping') {
    const { slide } = assigner;
    return (time, visit) => {
      for (let start = alignDown(time, slide, offset); start > time - size; start -= slide) visit(start, start + size);
    };
  }
  const { step } = assigner;
  return (time, visit) => {
    const start = alignDown(time, size, offset);
    const first = alignUp(time + 1, step, offset);
    for (let end = start + size; end >= first; end -= step) visit(start, end);
  };
}
