import { stringify } from 'csv-stringify/sync';
import { MillraceError } from '../../model/index.ts';
import type { Json, SinkConnector } from '../../ports/index.ts';
import { AppendFile } from './append-file.ts';
import { fillPath, isSingle } from './sink-path.ts';
import { type FileSinkOptions, jsonOf, lengthOf } from './to-jsonl.ts';

export interface CsvSinkOptions extends FileSinkOptions {
  /** The fields to write, in order; others are left out. Default: those of the first record, and a later one with others is refused. */
  readonly columns?: readonly string[];
  /** What stands between fields. Default a comma. */
  readonly delimiter?: string;
}

const VALUE = 'value';

/**
 * CSV with one header line (RFC 4180, lines end in a line feed). Exactly once, in the same way as `toJsonl`. Dates are written as ISO strings,
 * objects and arrays as JSON, booleans as `true` and `false`, missing fields and null as nothing; a record that is no object has one column, `value`.
 */
export function toCsv<T = unknown>(options: CsvSinkOptions): SinkConnector<T> {
  const { path, inPlace = false, flush = false, columns, delimiter = ',' } = options;
  return {
    kind: 'csv',
    options: { path, inPlace, flush, delimiter, ...(columns === undefined ? {} : { columns }) },
    guarantee: 'exactly-once',
    goesBack: true,
    single: isSingle(path),
    async open(host, state) {
      const file = AppendFile.open(fillPath(path, host), lengthOf(state), inPlace);
      let names = columns ?? namesOf(state);
      const lines = (rows: readonly (readonly unknown[])[]): string => stringify([...rows], { delimiter, cast });
      return {
        async write(batch) {
          const { values } = batch;
          if (values.length > 0) {
            names ??= Object.keys(fieldsOf(values[0]));
            const all = names;
            const rows = values.map((value) => fieldsInOrder(fieldsOf(value), all, columns !== undefined));
            file.append([Buffer.from(file.length === 0 ? lines([all, ...rows]) : lines(rows))]);
            if (flush) file.sync();
          }
          return { bytes: file.length, ...(names === undefined ? {} : { columns: names }) };
        },
        async finish() {
          if (file.length === 0 && columns !== undefined) file.append([Buffer.from(lines([columns]))]);
          file.finish();
        },
        close: async () => file.close(),
      };
    },
  };
}

const cast = {
  boolean: (value: boolean): string => String(value),
  bigint: (value: bigint): string => value.toString(),
  date: (value: Date): string => (Number.isNaN(value.getTime()) ? '' : value.toISOString()),
  object: (value: object): string => jsonOf(value),
};

function namesOf(state: Json | undefined): readonly string[] | undefined {
  const columns = (state as { readonly columns?: Json } | null | undefined)?.columns;
  return Array.isArray(columns) ? (columns as readonly string[]) : undefined;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
  return plain ? (value as Readonly<Record<string, unknown>>) : { [VALUE]: value };
}

function fieldsInOrder(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
  chosen: boolean,
): readonly unknown[] {
  if (!chosen) {
    const extra = Object.keys(fields).find((name) => fields[name] !== undefined && !names.includes(name));
    if (extra !== undefined) {
      throw new MillraceError('bad-record', `a record has the field ${extra}, and the header is ${names.join(', ')}`, {
        hint: 'name the fields to write with columns',
      });
    }
  }
  return names.map((name) => fields[name]);
}
