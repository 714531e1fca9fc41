/** Files in the place of a pipeline's connectors, as `--bind id=path` says. */
import { fileURLToPath } from 'node:url';
import { csv, jsonArray, jsonl, parquet, stdin, toCsv, toJsonl, toParquet } from '../lib/adapters/files/index.ts';
import { toConsole } from '../lib/adapters/memory-connectors/index.ts';
import type { Bindings, Pipeline } from '../lib/pipeline/index.ts';
import type { SinkConnector, SourceConnector } from '../lib/ports/index.ts';
import { UsageError } from './exit-codes.ts';

/** Reads `id=path` for each binding; sources and sinks by what the pipeline has under that id. */
export function bindingsOf(pipeline: Pipeline, given: readonly string[]): Bindings {
  const sources: Record<string, SourceConnector<unknown>> = {};
  const sinks: Record<string, SinkConnector<never>> = {};
  for (const binding of given) {
    const equals = binding.indexOf('=');
    if (equals < 1 || equals === binding.length - 1) {
      throw new UsageError(
        `--bind ${binding} is not of the form id=path`,
        'for instance: --bind flights=data/2001.csv',
      );
    }
    const id = binding.slice(0, equals);
    const path = pathOf(binding.slice(equals + 1));
    if (pipeline.sources.has(id)) sources[id] = sourceOf(path);
    else if (pipeline.sinks.has(id)) sinks[id] = sinkOf(path);
    else throw unknownId(id, pipeline);
  }
  return { sources, sinks };
}

const pathOf = (text: string): string => (text.startsWith('file:') ? fileURLToPath(text) : text);

/** A source over files, by their suffix; `-` is standard input with JSON lines. */
function sourceOf(path: string): SourceConnector<unknown> {
  if (path === '-') return stdin({ format: 'jsonl' });
  const suffix = /\.([a-z]+)(?:\.(?:gz|zst|zstd))?$/i.exec(path)?.[1]?.toLowerCase();
  switch (suffix) {
    case 'jsonl':
    case 'ndjson':
      return jsonl({ path });
    case 'json':
      return jsonArray({ path });
    case 'csv':
      return csv({ path });
    case 'tsv':
      return csv({ path, delimiter: '\t' });
    case 'parquet':
      return parquet({ path });
    default:
      throw new UsageError(
        `no source can be made of ${path}`,
        'its name must end in .jsonl, .json, .csv, .tsv or .parquet (all but the last also with .gz or .zst), or be - for standard input',
      );
  }
}

/** A sink into a file, by its suffix; `-` is a table on the console. */
function sinkOf(path: string): SinkConnector<never> {
  if (path === '-') return toConsole();
  switch (/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase()) {
    case 'jsonl':
    case 'ndjson':
      return toJsonl({ path });
    case 'csv':
      return toCsv({ path });
    case 'tsv':
      return toCsv({ path, delimiter: '\t' });
    case 'parquet':
      return toParquet({ path });
    default:
      throw new UsageError(
        `no sink can be made of ${path}`,
        'its name must end in .jsonl, .csv, .tsv or .parquet, or be - for the console',
      );
  }
}

function unknownId(id: string, pipeline: Pipeline): UsageError {
  const ids = [...pipeline.sources.keys(), ...pipeline.sinks.keys()].join(', ');
  return new UsageError(`the pipeline ${pipeline.name} has no source or sink ${id}`, `it has ${ids}`);
}
