/**
 * What a commit's body holds: the task's sheet (channels, outputs, sinks: whole, some bytes a channel), what it owes, and the changed cells.
 * The sheet is written whole with every commit, so that loading a task needs the newest commit's sheet only, and cells from snapshot and deltas.
 */
import { crc32 } from 'node:zlib';
import { MillraceError } from '../model/index.ts';
import type { Json, SinkBatch } from '../ports/index.ts';
import type { ChannelState } from '../protocol/index.ts';
import { ByteReader, ByteWriter, encodeValue, readValue } from '../protocol/index.ts';
import type { Sent } from './edge-output.ts';

const FORMAT = 1;
/** What the checksum covers begins here. */
const CHECKED = 5;
/** Bytes that the length of the cells takes at most. */
const MOST_LENGTH = 8;

export interface Sheet {
  readonly channels: readonly ChannelState[];
  /** Number of channels per edge, as far as heard. */
  readonly edges: readonly (readonly [edge: string, channels: number])[];
  readonly sent: Readonly<Record<string, readonly Sent[]>>;
  readonly sinks: Readonly<Record<string, Json>>;
  /** A source's watermark generator, plain data. */
  readonly generator: unknown;
  /** Rows of a source below `upTo` had been found at `at`, by the clock: noted where a row lies ahead of all that was known. */
  readonly found?: { readonly upTo: number; readonly at: number };
  /** Messages and sink records that this commit owes, in order. */
  readonly debts: readonly Debt[];
}

export type Debt =
  | { readonly kind: 'message'; readonly topic: string; readonly partition: number; readonly bytes: Uint8Array }
  | { readonly kind: 'sink'; readonly sink: string; readonly batch: SinkBatch };

/** The body of a commit: format, checksum, sheet, then the cells' delta as `encodeCells` wrote it. */
export const encodeBody = (sheet: Sheet, cells: Uint8Array): Uint8Array => joinBody(encodeValue(sheet), cells);

/** As `encodeBody`, of a sheet that `encodeValue` has encoded before. The body ends with the cells. */
export function joinBody(sheet: Uint8Array, cells: Uint8Array): Uint8Array {
  const writer = new ByteWriter(CHECKED + sheet.length + MOST_LENGTH + cells.length);
  writer.u8(FORMAT);
  writer.u32(0);
  writer.raw(sheet);
  writer.block(cells);
  const body = writer.bytes.subarray(0, writer.length);
  writer.view.setUint32(1, crc32(body.subarray(CHECKED)), true);
  return body;
}

/** Reads what `encodeBody` wrote. Throws `incompatible` for another format, `data-lost` for damage. */
export function decodeBody(bytes: Uint8Array): { readonly sheet: Sheet; readonly cells: Uint8Array } {
  const reader = new ByteReader(bytes, 'a commit');
  const format = reader.u8();
  if (format !== FORMAT) {
    throw new MillraceError('incompatible', `a commit has body format ${format}, and this version reads ${FORMAT}`, {
      hint: 'run the version of millrace that wrote it, or a newer one',
    });
  }
  if (bytes.length < CHECKED || reader.u32() !== crc32(bytes.subarray(CHECKED))) {
    throw new MillraceError('data-lost', 'the body of a commit is damaged: its checksum does not fit', {
      hint: 'restore the commit store, or start a new run',
    });
  }
  const sheet = readValue(reader) as Sheet;
  return { sheet, cells: reader.block() };
}
