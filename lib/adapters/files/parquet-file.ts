import { createReadStream, renameSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { MillraceError } from '../../model/index.ts';
import { fileError } from './file-error.ts';
import { cellValue, type ParquetType, widened } from './staged-row.ts';

/** Names of columns and their types, in order. */
export type ParquetSchema = Readonly<Record<string, ParquetType>>;

const GROUP_ROWS = 100_000;
const writerTypes = {
  string: 'STRING',
  number: 'DOUBLE',
  integer: 'INT64',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMP',
  json: 'JSON',
} as const;

/** Writes the staged rows as one Parquet file, whole or not at all. Without a schema the types are those of the rows. */
export async function writeParquet(staging: string, path: string, schema: ParquetSchema | undefined): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const types = schema ?? (await inferSchema(staging));
    const columns = Object.entries(types).map(([name, type]) => ({ name, type, data: [] as unknown[] }));
    const asWritten = () =>
      columns.map(({ name, type, data }) => ({ name, type: writerTypes[type], data, nullable: true }));
    const writer = new ParquetWriter({
      writer: fileWriter(temporary),
      schema: schemaFromColumnData({ columnData: asWritten() }),
      createdBy: 'millrace',
    });
    let held = 0;
    const writeGroup = async (): Promise<void> => {
      await writer.write({ columnData: asWritten(), rowGroupSize: GROUP_ROWS });
      for (const column of columns) column.data = [];
      held = 0;
    };
    for await (const row of stagedRows(staging)) {
      for (const { name, type, data } of columns) data.push(checked(cellValue(row[name], type), row[name], name, type));
      if (++held === GROUP_ROWS) await writeGroup();
    }
    if (held > 0) await writeGroup();
    await writer.finish();
    renameSync(temporary, path);
  } catch (thrown) {
    rmSync(temporary, { force: true });
    throw fileError(thrown, path);
  }
}

async function inferSchema(staging: string): Promise<ParquetSchema> {
  const types: Record<string, ParquetType> = {};
  for await (const row of stagedRows(staging)) {
    for (const name of Object.keys(row)) types[name] = widened(types[name], row[name]);
  }
  return types;
}

async function* stagedRows(path: string): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    yield JSON.parse(line);
  }
}

function checked(value: unknown, cell: unknown, name: string, type: ParquetType): unknown {
  if (value !== undefined) return value;
  throw new MillraceError(
    'bad-record',
    `the column ${name} is declared ${type}, and a record holds ${JSON.stringify(cell)}`,
    {
      hint: 'correct the schema of the Parquet sink, or map the record',
    },
  );
}
