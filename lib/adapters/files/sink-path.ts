import type { SinkHost } from '../../ports/index.ts';

/** Whether one writer must write it all: a path without `{task}`. */
export const isSingle = (path: string): boolean => !path.includes('{task}');

/** The path with `{task}`, `{pipeline}` and `{run}` filled in. */
export function fillPath(path: string, host: SinkHost): string {
  return path
    .replaceAll('{task}', String(host.task))
    .replaceAll('{pipeline}', host.pipeline)
    .replaceAll('{run}', host.run);
}
