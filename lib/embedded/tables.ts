/** Reading the tables of a run in this process, from code and over HTTP. */
import { type HttpAddress, serveRows, type TableAnswer } from '../adapters/http/index.ts';
import {
  asOf,
  type LookAtCells,
  type RowsQuery,
  readableTables,
  type TableReader,
  tableReader,
} from '../inspect/index.ts';
import { type Key, MillraceError, taskName } from '../model/index.ts';
import type { OpenEmbedded } from './open-embedded.ts';

/**
 * A reader of a table of an open run, by the id of the operator that makes it. Rows are as of each task's last step: with a data directory they may be ahead of the disk by `flushEvery`. Throws
 * `invalid-pipeline` if the pipeline keeps no such table; readings throw `unavailable` once a run without a data directory is over.
 *
 * ```ts
 * const delays = readTable<string, number>(open, 'delays');
 * const { value, asOf } = await delays.get('ATL');
 * ```
 */
export function readTable<K extends Key, V>(open: Readable, id: string): TableReader<K, V> {
  return tableReader(open.pipeline, id, looking(open));
}

type Readable = Pick<OpenEmbedded, 'pipeline' | 'run' | 'dataDir'>;

function looking({ run, dataDir }: Readable): LookAtCells {
  return async (id, name, look) => {
    const task = run.open.tasks.find(
      ({ id: { stage, partition } }) => stage === id.stage && partition === id.partition,
    );
    if (task === undefined) throw new MillraceError('internal', `there is no task ${taskName(id)}`);
    try {
      return await task.look(({ store, watermark }) =>
        look({ table: store.tables.find((table) => table.name === name), watermark: asOf(watermark) }),
      );
    } catch (thrown) {
      if (run.end === undefined || dataDir !== undefined) throw thrown;
      throw new MillraceError('unavailable', 'the run is over, and its state was in memory alone', {
        retry: false,
        cause: thrown,
        hint: 'a run with a data directory keeps it',
      });
    }
  };
}

export interface ServeTablesOptions {
  /** Default: `127.0.0.1`, this machine alone. There is no access control. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
}

/**
 * Serves the tables of an open run as JSON until closed: `GET /tables` names them; `GET /tables/<id>/<key>` is the row of a key, `GET /tables/<id>` with any of `from`, `to`, `windowFrom`, `windowTo` and
 * `limit` are rows in the order of keys. Keys are text, or JSON where that is a number, a tuple or an object. Every answer has `asOf`, the watermark that it stands at. Throws
 * `unavailable` if it cannot listen there.
 */
export function serveTables(open: Readable, options: ServeTablesOptions): Promise<HttpAddress> {
  const tables = new Map(readableTables(open.pipeline).map((id) => [id, readTable<Key, unknown>(open, id)]));
  return serveRows({
    ...options,
    tables: [...tables.keys()],
    async answer(id, { key, ...query }): Promise<TableAnswer> {
      const reader = tables.get(id)!;
      if (key === undefined || isWindowed(open, id)) {
        return reader.rows({ ...(query as RowsQuery), ...(key === undefined ? {} : { key }) });
      }
      const { value, asOf } = await reader.get(key);
      return { rows: value === undefined ? [] : [{ key, value }], more: false, asOf };
    },
  });
}

/** Of a table of windows, a key has many rows. */
const isWindowed = ({ pipeline }: Pick<OpenEmbedded, 'pipeline'>, id: string): boolean =>
  pipeline.operators.get(id)?.rows?.windows === true;
