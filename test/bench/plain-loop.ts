/** What a person would write for the job who wants nothing but speed: the other side of the comparisons. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const CHUNK = 65_536;
const NEWLINE = 10;
const COMMA = 44;

/** Reads a file of sound JSON lines in chunks, each parsed in one call, which is faster than a call a line; hands on every value. */
export function eachLine<T>(path: string, visit: (value: T) => void): number {
  const fd = openSync(path, 'r');
  const buffer = Buffer.allocUnsafe(CHUNK);
  let kept = 0;
  let n = 0;
  for (;;) {
    const got = readSync(fd, buffer, kept, CHUNK - kept, null);
    if (got === 0) break;
    const end = kept + got;
    const last = buffer.lastIndexOf(NEWLINE, end - 1);
    for (let at = buffer.indexOf(NEWLINE); at < last; at = buffer.indexOf(NEWLINE, at + 1)) buffer[at] = COMMA;
    const rows: T[] = JSON.parse(`[${buffer.toString('utf8', 0, last)}]`);
    for (let i = 0; i < rows.length; i++) visit(rows[i] as T);
    n += rows.length;
    buffer.copyWithin(0, last + 1, end);
    kept = end - last - 1;
  }
  closeSync(fd);
  return n;
}

/** Writes values as JSON lines. */
export class LineFile {
  readonly #fd: number;
  #lines = '';
  written = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'w');
  }

  write(value: unknown): void {
    this.#lines += `${JSON.stringify(value)}\n`;
    this.written++;
    if (this.#lines.length >= CHUNK) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
  }

  #flush(): void {
    writeSync(this.#fd, this.#lines);
    this.#lines = '';
  }
}
