/**
 * Messages as bytes, for logs that keep bytes. The layout is described, with a worked example, in docs/frame-format.md and pinned
 * by a test; every change of it needs a new `MESSAGE_FORMAT`.
 */
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ALL, type KeyId, MillraceError, messageOf, type Position } from '../model/index.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { readColumn, writeColumn } from './column-codec.ts';
import type { Barrier, Claim, Claims, Frame, Message, Tick } from './message.ts';
import { read, write } from './value-codec.ts';
import { REFUSED, refusal } from './value-refusal.ts';

/** The version of the format that is written. */
export const MESSAGE_FORMAT = 1;

/** How a message is written. */
export interface MessageEncoding {
  /** Messages of more bytes than this are compressed with Zstandard. Default: none. Readers take both. */
  readonly compressOver?: number;
}

const MAGIC_0 = 0x4d;
const MAGIC_1 = 0x52;
/** Magic, format and checksum; the checksum covers all that follows. */
const CHECKED_FROM = 7;
const BODY_FROM = 9;
const COMPRESSED = 1;
/** A frame has no more records than this, so that damage cannot ask for endless memory. */
const MAX_ROWS = 1 << 22;
const MAX_BYTES = 1 << 28;

const KINDS = ['frame', 'claims', 'tick', 'barrier'] as const satisfies readonly Message['kind'][];

let idle: ByteWriter | undefined;

/** The message as bytes. Throws `bad-record`, naming record and path, for a value that cannot be encoded. */
export function encodeMessage(message: Message, encoding: MessageEncoding = {}): Uint8Array {
  const writer = idle ?? new ByteWriter(1 << 16);
  idle = undefined;
  try {
    writer.cut(0);
    writer.u8(MAGIC_0);
    writer.u8(MAGIC_1);
    writer.u8(MESSAGE_FORMAT);
    writer.u32(0);
    writer.u8(KINDS.indexOf(message.kind));
    writer.u8(0);
    writeBody(writer, message);
    if (writer.length > (encoding.compressOver ?? Number.POSITIVE_INFINITY)) compress(writer);
    writer.view.setUint32(3, crc32(writer.bytes.subarray(CHECKED_FROM, writer.length)), true);
    return writer.copy();
  } finally {
    if (writer.capacity <= 1 << 23) idle = writer;
  }
}

/**
 * The message of bytes made by `encodeMessage`. Throws `data-lost` where the bytes were changed or cut off, and `incompatible`
 * where they are of a newer format or never were a message.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes[0] !== MAGIC_0 || bytes[1] !== MAGIC_1) {
    throw new MillraceError('incompatible', 'the log holds a message that millrace did not write', {
      hint: "something else wrote to the pipeline's internal topic, or the topic's name is wrong",
    });
  }
  if (bytes.length < BODY_FROM) throw damaged(`it is cut off after ${bytes.length} bytes`);
  if (bytes[2] !== MESSAGE_FORMAT) {
    throw new MillraceError(
      'incompatible',
      `a message is of format ${bytes[2]}, this code reads format ${MESSAGE_FORMAT}`,
      {
        hint: 'a newer version of millrace wrote it: deploy that version or a later one here too',
      },
    );
  }
  const reader = new ByteReader(bytes, 'message', 3);
  const stored = reader.u32();
  const found = crc32(bytes.subarray(CHECKED_FROM));
  if (stored !== found) throw damaged(`its checksum is ${found.toString(16)}, not ${stored.toString(16)}`);
  const kind = KINDS[reader.u8()];
  const flags = reader.u8();
  if (kind === undefined || flags > COMPRESSED) throw reader.damaged('its kind or flags are unknown');
  const body = flags === COMPRESSED ? decompress(bytes) : reader;
  const message = readBody(body, kind);
  if (body.remaining > 0) throw body.damaged(`${body.remaining} bytes follow it`);
  return message;
}

function compress(writer: ByteWriter): void {
  const body = zstdCompressSync(writer.bytes.subarray(BODY_FROM, writer.length));
  if (body.length >= writer.length - BODY_FROM) return;
  writer.cut(BODY_FROM - 1);
  writer.u8(COMPRESSED);
  writer.raw(body);
}

function decompress(bytes: Uint8Array): ByteReader {
  try {
    return new ByteReader(zstdDecompressSync(bytes.subarray(BODY_FROM), { maxOutputLength: MAX_BYTES }), 'message');
  } catch (thrown) {
    throw damaged(`it cannot be decompressed: ${messageOf(thrown)}`);
  }
}

function damaged(fact: string): MillraceError {
  return new MillraceError('data-lost', `a message of the log is damaged: ${fact}`, {
    hint: 'the log or the disk below it changed the bytes: restore the log, or begin a new run',
  });
}

function writeBody(writer: ByteWriter, message: Message): void {
  writer.string(message.run);
  switch (message.kind) {
    case 'frame':
      writeFrame(writer, message);
      break;
    case 'claims':
      writeClaims(writer, message);
      break;
    case 'tick':
      write(writer, message.time, 0);
      break;
    case 'barrier':
      writer.zigzag(message.epoch);
      writer.string(message.code);
  }
}

function readBody(reader: ByteReader, kind: Message['kind']): Message {
  const run = reader.string();
  switch (kind) {
    case 'frame':
      return readFrame(reader, run);
    case 'claims':
      return readClaims(reader, run);
    case 'tick':
      return { kind, run, time: read(reader, 0) as number } satisfies Tick;
    case 'barrier':
      return { kind, run, epoch: reader.zigzag(), code: reader.string() } satisfies Barrier;
  }
}

function writeFrame(writer: ByteWriter, frame: Frame): void {
  const n = frame.values.length;
  const { keys, times, causes, ks, steps } = frame;
  if (
    times.length !== n ||
    causes.length !== n ||
    ks.length !== n ||
    (keys?.length ?? n) !== n ||
    steps.length % 2 !== 0
  ) {
    throw new MillraceError('internal', `a frame's columns differ in length from its ${n} values`);
  }
  if (n > MAX_ROWS) throw new MillraceError('internal', `a frame of ${n} records, more than ${MAX_ROWS}`);
  writer.string(frame.channel.edge);
  writer.zigzag(frame.channel.task);
  writer.varint(frame.channels);
  writer.zigzag(frame.epoch);
  writePosition(writer, frame.prev);
  writePosition(writer, frame.thru);
  writer.varint(n);
  writer.u8(keys === undefined ? 0 : 1);
  writer.varint(steps.length / 2);
  writeColumn(writer, everySecond(steps, 0));
  writeColumn(writer, everySecond(steps, 1));
  writeColumn(writer, causes);
  writeColumn(writer, ks);
  writeColumn(writer, times);
  if (keys !== undefined) writeColumn(writer, keys);
  try {
    writeColumn(writer, frame.values);
  } catch (thrown) {
    throw thrown === REFUSED ? refusal(frame.values, 'record') : thrown;
  }
}

function readFrame(reader: ByteReader, run: string): Frame {
  const channel = { edge: reader.string(), task: reader.zigzag() };
  const channels = reader.varint();
  const epoch = reader.zigzag();
  const prev = readPosition(reader);
  const thru = readPosition(reader);
  const n = reader.varint();
  if (n > MAX_ROWS) throw reader.damaged(`${n} records in one frame`);
  const keyed = reader.u8() === 1;
  const steps = readSteps(reader);
  const causes = readColumn(reader, n) as number[];
  const ks = readColumn(reader, n) as number[];
  const times = readColumn(reader, n) as number[];
  const keys = keyed ? (readColumn(reader, n) as KeyId[]) : undefined;
  const values = readColumn(reader, n);
  return { kind: 'frame', run, channel, channels, epoch, prev, thru, values, keys, times, causes, ks, steps };
}

function readSteps(reader: ByteReader): number[] {
  const n = reader.varint();
  if (n > MAX_ROWS) throw reader.damaged(`${n} steps in one frame`);
  const rows = readColumn(reader, n) as number[];
  const watermarks = readColumn(reader, n) as number[];
  const steps: number[] = [];
  for (let i = 0; i < n; i++) steps.push(rows[i] as number, watermarks[i] as number);
  return steps;
}

function everySecond(flat: readonly number[], from: number): number[] {
  const half: number[] = [];
  for (let i = from; i < flat.length; i += 2) half.push(flat[i] as number);
  return half;
}

function writePosition(writer: ByteWriter, position: Position): void {
  writer.zigzag(position.cause);
  writer.varint(position.k === ALL ? 0 : position.k + 1);
}

function readPosition(reader: ByteReader): Position {
  const cause = reader.zigzag();
  const k = reader.varint();
  return { cause, k: k === 0 ? ALL : k - 1 };
}

function writeClaims(writer: ByteWriter, claims: Claims): void {
  write(writer, claims.time, 0);
  writer.varint(claims.edges.length);
  for (const [edge, channels] of claims.edges) {
    writer.string(edge);
    writer.varint(channels);
  }
  const list = claims.list;
  writer.varint(list.length);
  writeColumn(
    writer,
    list.map((claim) => claim.channel.edge),
  );
  writeColumn(
    writer,
    list.map((claim) => claim.channel.task),
  );
  for (const claim of list) writePosition(writer, claim.prev);
  writeColumn(
    writer,
    list.map((claim) => claim.upTo),
  );
  writeColumn(
    writer,
    list.map((claim) => claim.watermark),
  );
  writeColumn(
    writer,
    list.map((claim) => claim.silentSince),
  );
}

function readClaims(reader: ByteReader, run: string): Claims {
  const time = read(reader, 0) as number;
  const edges: (readonly [string, number])[] = [];
  for (let n = reader.count(2); n > 0; n--) edges.push([reader.string(), reader.varint()]);
  const n = reader.count();
  const edge = readColumn(reader, n) as string[];
  const task = readColumn(reader, n) as number[];
  const prev = edge.map(() => readPosition(reader));
  const upTo = readColumn(reader, n) as number[];
  const watermark = readColumn(reader, n) as (number | undefined)[];
  const silentSince = readColumn(reader, n) as number[];
  const list = edge.map(
    (name, i): Claim => ({
      channel: { edge: name, task: task[i] as number },
      prev: prev[i] as Position,
      upTo: upTo[i] as number,
      watermark: watermark[i],
      silentSince: silentSince[i] as number,
    }),
  );
  return { kind: 'claims', run, time, edges, list };
}
