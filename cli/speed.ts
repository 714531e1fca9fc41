/** Sources played back at a multiple of the pace at which their records happened, as `--speed` says. */
import { replay } from '../lib/adapters/memory-connectors/index.ts';
import type { Bindings, Pipeline, SourceDefinition } from '../lib/pipeline/index.ts';
import type { SourceConnector } from '../lib/ports/index.ts';
import { UsageError } from './exit-codes.ts';

/** `60x`, `60` or `max`. */
export function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return text;
  const speed = Number(text.replace(/x$/, ''));
  if (Number.isFinite(speed) && speed > 0) return speed;
  throw new UsageError(`--speed ${text} is no speed`, 'give how many times faster than real time, such as 60, or max');
}

/** Every bounded source with event time, replayed. */
export function replayed(pipeline: Pipeline, speed: number | 'max'): Bindings {
  const sources: Record<string, SourceConnector<unknown>> = {};
  for (const [id, definition] of pipeline.sources) {
    const { connector, eventTime } = definition;
    if (eventTime === undefined || !connector.bounded || connector.kind === 'replay') continue;
    sources[id] = replay(connector, { speed, time: (row) => timeOf(row, definition, eventTime) });
  }
  return { sources };
}

/** NaN for a row that does not fit the schema: it is due at once, and the source will say what is wrong with it. */
function timeOf(
  row: unknown,
  { schema }: SourceDefinition,
  eventTime: NonNullable<SourceDefinition['eventTime']>,
): number {
  if (schema === undefined) return Number(eventTime(row));
  const result = schema['~standard'].validate(row);
  if (result instanceof Promise || result.issues !== undefined) return Number.NaN;
  return Number(eventTime(result.value));
}
