/** Columns of strings: each distinct one once and a number per row where they repeat, else one after another. */
import type { ByteReader, ByteWriter } from './bytes.ts';
import { readIntegers, writeIntegers } from './int-column.ts';

const ASCII = 0;
const EACH = 1;
const DICTIONARY = 2;
/** Columns shorter than this are not searched for repetition. */
const FEW = 8;
/** After so many rows a column in which most strings are new is taken not to repeat. */
const PROBE = 64;

/** Appends the strings. Their number is not written. */
export function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  const n = texts.length;
  if (n < FEW) {
    writePlain(writer, texts);
    return;
  }
  const numbers = new Map<string, number>();
  const distinct: string[] = [];
  const rows: number[] = [];
  for (let i = 0; i < n; i++) {
    const text = texts[i] as string;
    let number = numbers.get(text);
    if (number === undefined) {
      number = distinct.length;
      if (number * 2 > Math.max(n, PROBE) || (i >= PROBE && i < PROBE * 2 && number * 4 > i * 3)) {
        writePlain(writer, texts);
        return;
      }
      numbers.set(text, number);
      distinct.push(text);
    }
    rows.push(number);
  }
  writer.u8(DICTIONARY);
  writer.varint(distinct.length);
  writePlain(writer, distinct);
  writeIntegers(writer, rows);
}

/** Reads `n` strings that `writeTexts` wrote. */
export function readTexts(reader: ByteReader, n: number): string[] {
  const mode = reader.u8();
  if (mode !== DICTIONARY) return readPlain(reader, mode, n);
  const distinct = readPlain(reader, -1, reader.count());
  const rows = readIntegers(reader, n);
  const texts: string[] = [];
  for (let i = 0; i < n; i++) {
    const text = distinct[rows[i] as number];
    if (text === undefined) throw reader.damaged('a string is not in its dictionary');
    texts.push(text);
  }
  return texts;
}

function writePlain(writer: ByteWriter, texts: readonly string[]): void {
  const n = texts.length;
  const start = writer.length;
  const lengths: number[] = [];
  for (let i = 0; i < n; i++) lengths.push((texts[i] as string).length);
  writer.u8(ASCII);
  writeIntegers(writer, lengths);
  for (let i = 0; i < n; i++) {
    if (!writer.ascii(texts[i] as string)) {
      writer.cut(start);
      writer.u8(EACH);
      for (let j = 0; j < n; j++) writer.string(texts[j] as string);
      return;
    }
  }
}

function readPlain(reader: ByteReader, known: number, n: number): string[] {
  const mode = known < 0 ? reader.u8() : known;
  const texts: string[] = [];
  if (mode === ASCII) {
    const lengths = readIntegers(reader, n);
    for (let i = 0; i < n; i++) texts.push(reader.latin1(lengths[i] as number));
  } else if (mode === EACH) {
    for (let i = 0; i < n; i++) texts.push(reader.string());
  } else throw reader.damaged('a column of strings of an unknown kind');
  return texts;
}
