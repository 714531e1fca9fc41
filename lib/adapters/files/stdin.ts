import type { Readable } from 'node:stream';
import { MillraceError } from '../../model/index.ts';
import type { Json, SourceConnector, SourceHost, SourceLog, SourceSlice } from '../../ports/index.ts';
import { type CsvText, csvColumns, csvLayout, readHeader } from './csv.ts';
import { csvRecords } from './csv-format.ts';
import { FileLog } from './file-log.ts';
import { MAX_RECORD_BYTES } from './jsonl.ts';
import { jsonLines } from './jsonl-format.ts';
import { PipeBytes } from './pipe-bytes.ts';
import type { RecordFormat } from './record-format.ts';
import { RecordReader, type Segment } from './record-reader.ts';
import { Spool } from './spool.ts';

export interface StdinOptions extends CsvText {
  /** What comes in. The options of CSV are those of `csv`. */
  readonly format: 'jsonl' | 'csv';
  /** A longer record is a bad record. Default 8 MiB. */
  readonly maxRecordBytes?: number;
  /** Another stream than the process's standard input. */
  readonly input?: Readable;
}

const NAME = 'standard input';
/** Rows that stay readable behind the newest without a spool. */
const WINDOW = 65_536;

/**
 * Standard input, one partition. With a data directory it is spooled there, and a process that takes over reads the spool, then adds what its
 * own standard input brings (nothing, if the first one had ended). Without, it is not resumable, and only the latest 65,536 rows can be read again.
 */
export function stdin<T = unknown>(options: StdinOptions): SourceConnector<T> {
  const { format, maxRecordBytes = MAX_RECORD_BYTES } = options;
  const { header, delimiter, multiline, columns } = options;
  const layout = format === 'csv' ? csvLayout(options) : undefined;
  const given = { header, delimiter, multiline, columns };
  const described = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [key: string]: Json;
  };
  return {
    kind: 'stdin',
    options: { format, maxRecordBytes, ...described },
    bounded: true,
    live: true,
    async open(host) {
      const input = options.input ?? process.stdin;
      return host.spool === undefined ? openPipe(input, host) : openSpool(input, host, host.spool);
    },
  };

  async function openSpool(input: Readable, host: SourceHost, folder: string): Promise<SourceLog> {
    const spool = Spool.open(folder, input);
    const segment = (records: RecordFormat): Segment => ({
      path: spool.path,
      packing: 'plain',
      start: 0,
      end: undefined,
      format: records,
    });
    const raw = layout === undefined ? jsonLines : csvRecords({ ...layout, header: false }, undefined);
    const attempt = async (): Promise<readonly string[] | undefined> => {
      const reader = await RecordReader.open(segment(raw), spool.grows, maxRecordBytes, undefined);
      try {
        return await readHeader(reader, NAME);
      } finally {
        reader.close();
      }
    };
    const records = await recordsOf(attempt, () => spool.changed(host.signal), spool.grows, true);
    const log = new FileLog(
      { id: `stdin-${format}`, partitions: 1, bounded: true, resumable: true },
      [[segment(records)]],
      spool.grows,
      maxRecordBytes,
    );
    return spool.around(log);
  }

  async function openPipe(input: Readable, host: SourceHost): Promise<SourceLog> {
    const pipe = new PipeBytes(input, NAME);
    const held = { current: layout === undefined ? jsonLines : csvRecords({ ...layout, header: false }, undefined) };
    const segment: Segment = { path: NAME, packing: 'plain', start: 0, end: undefined, format: delegate(held) };
    const reader = await RecordReader.over(pipe, segment, pipe.grows, maxRecordBytes);
    held.current = await recordsOf(
      () => readHeader(reader, NAME),
      () => pipe.changed(host.signal),
      pipe.grows,
      false,
    );
    return new PipeLog(reader, format);
  }

  /** The format of the rows; for CSV with a header, once the header is there. */
  async function recordsOf(
    attempt: () => Promise<readonly string[] | undefined>,
    changed: () => Promise<void>,
    grows: () => boolean,
    headerStays: boolean,
  ): Promise<RecordFormat> {
    if (layout === undefined) return jsonLines;
    if (!layout.header) return csvRecords(layout, csvColumns(columns ?? [], undefined, NAME));
    for (;;) {
      const more = grows();
      const found = await attempt();
      if (found !== undefined || !more) {
        return csvRecords({ ...layout, header: headerStays }, csvColumns(found ?? columns ?? [], columns, NAME));
      }
      await changed();
    }
  }
}

/** A format that can be exchanged between two reads. */
function delegate(held: { current: RecordFormat }): RecordFormat {
  return {
    get noun() {
      return held.current.noun;
    },
    headers: 0,
    unclosed: undefined,
    endOf: (bytes, from, end) => held.current.endOf(bytes, from, end),
    closes: (terminator) => held.current.closes(terminator),
    isBlank: (bytes, from, end, terminator) => held.current.isBlank(bytes, from, end, terminator),
    decode: (bytes, spans, values, place) => held.current.decode(bytes, spans, values, place),
  };
}

/** Rows of a stream, the latest kept. */
class PipeLog implements SourceLog {
  readonly info;
  readonly #reader: RecordReader;
  #rows: unknown[] = [];
  #first = 0;

  constructor(reader: RecordReader, format: string) {
    this.#reader = reader;
    this.info = { id: `stdin-${format}`, partitions: 1, bounded: true, resumable: false };
  }

  async read(_partition: number, from: number, limit: number): Promise<SourceSlice> {
    while (from >= this.#next && !this.#reader.ended) {
      const n = await this.#reader.read(Math.max(limit, from - this.#next), this.#rows, this.#next);
      this.#reader.settle();
      if (n === 0) break;
      this.#forget();
    }
    if (from < this.#first || from > this.#next) {
      throw new MillraceError(
        'data-lost',
        `row ${from} of ${NAME} cannot be read again: rows ${this.#first} to ${this.#next} are held`,
        {
          hint: 'run with a data directory, where standard input is spooled',
        },
      );
    }
    const values = this.#rows.slice(from - this.#first, from - this.#first + limit);
    const next = from + values.length;
    const { end, sealed } = this.#bounds();
    return { values, next, start: this.#first, end, sealed: sealed && next === end };
  }

  async bounds(): Promise<{ start: number; end: number | undefined; sealed: boolean }> {
    return this.#bounds();
  }

  async close(): Promise<void> {
    this.#reader.close();
  }

  get #next(): number {
    return this.#first + this.#rows.length;
  }

  #bounds(): { start: number; end: number | undefined; sealed: boolean } {
    const { ended } = this.#reader;
    return { start: this.#first, end: ended || this.#reader.idle() ? this.#next : undefined, sealed: ended };
  }

  #forget(): void {
    const excess = this.#rows.length - WINDOW;
    if (excess < WINDOW / 4) return;
    this.#rows = this.#rows.slice(excess);
    this.#first += excess;
  }
}
