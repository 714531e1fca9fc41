import { Table } from 'console-table-printer';
import type { SinkConnector } from '../../ports/index.ts';

export interface ConsoleOptions {
  /** How many records to show; of the rest only their number is said. Default 20 for tables, no limit for lines. */
  readonly limit?: number;
  /** A table when the input has ended, or at once a line of JSON per record. Default a table. */
  readonly as?: 'table' | 'jsonl';
  /** Shown above the table. Default the sink's name. */
  readonly title?: string;
  /** Takes the text. Default: standard output. */
  readonly write?: (text: string) => void;
}

/**
 * Shows records to a person. At least once: after a crash some may be shown again. A table is shown when the input ends, or when the pipeline is
 * closed before, with the records that this process has seen; a pipeline without an end should show lines.
 */
export function toConsole<T = unknown>(options: ConsoleOptions = {}): SinkConnector<T> {
  const { as = 'table', write = (text: string) => void process.stdout.write(text) } = options;
  const limit = options.limit ?? (as === 'table' ? 20 : Number.POSITIVE_INFINITY);
  return {
    kind: 'console',
    options: { as, ...(Number.isFinite(limit) ? { limit } : {}) },
    guarantee: 'at-least-once',
    single: true,
    async open({ sink }) {
      let shown: unknown[] = [];
      let count = 0;
      const flush = (): void => {
        if (count === 0) return;
        if (as === 'table') write(`${tableOf(shown, options.title ?? sink)}\n`);
        if (count > limit) write(`... and ${count - limit} more\n`);
        shown = [];
        count = 0;
      };
      return {
        async write(batch) {
          const room = Math.max(0, limit - count);
          const visible = batch.values.slice(0, room);
          count += batch.values.length;
          if (as === 'table') shown.push(...visible);
          else if (visible.length > 0) write(visible.map((value) => `${text(value)}\n`).join(''));
          return null;
        },
        finish: async () => flush(),
        close: async () => flush(),
      };
    },
  };
}

function tableOf(rows: readonly unknown[], title: string): string {
  const table = new Table({ title, shouldDisableColors: true });
  for (const row of rows) table.addRow(cells(row));
  return table.render();
}

function cells(row: unknown): Record<string, string> {
  const plain = typeof row === 'object' && row !== null && !Array.isArray(row) && !(row instanceof Date);
  return Object.fromEntries(Object.entries(plain ? row : { value: row }).map(([name, value]) => [name, cell(value)]));
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toFixed(3)));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '' : value.toISOString();
  return typeof value === 'object' ? text(value) : String(value);
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part)) ?? String(value);
}
