/**
 * Record batches, the unit in which Kafka stores records (format 2).
 *
 *   base offset 8 · length 4 · leader epoch 4 · magic 1 · checksum 4 · attributes 2 · last offset delta 4 · first time 8 · last time 8
 *   producer id 8 · producer epoch 2 · first sequence 4 · count 4 · records, compressed together
 */
import { MillraceError } from '../../model/index.ts';
import { type Codec, type Compression, compressions } from './compression.ts';
import { crc32c } from './crc32c.ts';
import { WireReader, WireWriter } from './wire.ts';

export type Headers = readonly (readonly [name: string, value: Uint8Array | undefined])[];

/** A record to be appended. Without a value it is a tombstone. */
export interface NewRecord {
  readonly key?: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers?: Headers;
  /** Milliseconds; default: the time of the append. Topics that keep their own time ignore it. */
  readonly time?: number | undefined;
}

/** A record as it was read; bytes are views of the answer's memory. */
export interface KafkaRecord {
  readonly offset: number;
  /** The topic's kind of time: when the record was made, or when the broker took it in. */
  readonly time: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: Headers;
}

/** What a batch says of itself, and where its records are. */
export interface BatchHead {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly compression: Compression;
  /** Whether all its records bear the time at which the broker took it in. */
  readonly logAppendTime: boolean;
  readonly transactional: boolean;
  /** A marker of a transaction's end, not data. */
  readonly control: boolean;
  readonly firstTime: number;
  readonly lastTime: number;
  readonly producerId: number;
  readonly count: number;
  readonly body: Buffer;
}

export interface BatchStamp {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
  /** Part of its producer's open transaction. */
  readonly transactional?: boolean;
  /** For records without a time. */
  readonly now: number;
  readonly compression: Compression;
  readonly codec: Codec;
}

const HEAD = 61;
const CHECKED_FROM = 21;
const FORMAT = 2;
const TRANSACTIONAL = 16;

/** More bytes than a record takes beside its key, value and headers, and a batch beside its records. */
export const RECORD_OVERHEAD = 32;

/** How many bytes a record takes at most, uncompressed. */
export function sizeOf({ key, value, headers }: NewRecord): number {
  let size = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
  if (headers === undefined) return size;
  for (let i = 0; i < headers.length; i++) size += 3 * headers[i]![0].length + (headers[i]![1]?.length ?? 0) + 10;
  return size;
}

/** One batch of these records, at least one. */
export function encodeBatch(records: readonly NewRecord[], stamp: BatchStamp): Buffer {
  let size = HEAD;
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const record of records) {
    size += sizeOf(record);
    const time = record.time ?? stamp.now;
    if (time < first) first = time;
    if (time > last) last = time;
  }
  const writer = new WireWriter(size);
  writer.int64(0).int32(0).int32(-1).int8(FORMAT).uint32(0);
  writer
    .int16(compressions.indexOf(stamp.compression) | (stamp.transactional === true ? TRANSACTIONAL : 0))
    .int32(records.length - 1)
    .int64(first)
    .int64(last);
  writer.int64(stamp.producerId).int16(stamp.producerEpoch).int32(stamp.sequence).int32(records.length);
  if (stamp.compression === 'none') writeRecords(writer, records, first, stamp.now);
  else {
    const body = new WireWriter(size);
    writeRecords(body, records, first, stamp.now);
    writer.raw(stamp.codec.compress(body.bytes));
  }
  writer.patchInt32(8, writer.length - 12);
  writer.patchUint32(17, crc32c(writer.bytes, CHECKED_FROM));
  return writer.bytes;
}

const utf8 = new TextEncoder();
const noBytes = new Uint8Array(0);

function writeRecords(writer: WireWriter, records: readonly NewRecord[], firstTime: number, now: number): void {
  for (let i = 0; i < records.length; i++) {
    const { key, value, headers, time } = records[i]!;
    const count = headers === undefined ? 0 : headers.length;
    const delta = (time ?? now) - firstTime;
    let size = 1 + varintSize(delta) + varintSize(i) + fieldSize(key) + fieldSize(value) + varintSize(count);
    for (let h = 0; h < count; h++) size += fieldSize(nameBytes(headers![h]![0])) + fieldSize(headers![h]![1]);
    writer.varint(size).int8(0).varint(delta).varint(i);
    writeField(writer, key);
    writeField(writer, value);
    writer.varint(count);
    for (let h = 0; h < count; h++) {
      writeField(writer, nameBytes(headers![h]![0]));
      writeField(writer, headers![h]![1]);
    }
  }
}

/** Names of headers in UTF-8: mostly the same few. */
const names = new Map<string, Uint8Array>();
const MOST_NAMES = 1_000;

function nameBytes(name: string): Uint8Array {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = utf8.encode(name);
  if (names.size < MOST_NAMES) names.set(name, bytes);
  return bytes;
}

function varintSize(value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let bytes = 1;
  for (; rest > 0x7f; bytes++) rest = Math.floor(rest / 128);
  return bytes;
}

const fieldSize = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? 1 : varintSize(bytes.length) + bytes.length;

function writeField(writer: WireWriter, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) writer.varint(-1);
  else writer.varint(bytes.length).raw(bytes);
}

/** The heads of the batches that are there in full. Throws `incompatible` for formats of before Kafka 0.11. */
export function batchHeads(bytes: Buffer): BatchHead[] {
  const heads: BatchHead[] = [];
  for (let at = 0; at + HEAD <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (bytes[at + 16] !== FORMAT) {
      throw new MillraceError('incompatible', `a record batch is of format ${bytes[at + 16]}, not ${FORMAT}`, {
        hint: 'the topic holds records written before Kafka 0.11: copy it to a new topic',
      });
    }
    if (end > bytes.length) break;
    heads.push(headAt(bytes, at, end));
    at = end;
  }
  return heads;
}

function headAt(bytes: Buffer, start: number, end: number): BatchHead {
  const reader = new WireReader(bytes, start, end);
  const baseOffset = reader.int64();
  reader.skip(13);
  const attributes = reader.int16();
  const lastOffset = baseOffset + reader.int32();
  const firstTime = reader.int64();
  const lastTime = reader.int64();
  const producerId = reader.int64();
  reader.skip(6);
  const count = reader.int32();
  return {
    ...{ baseOffset, lastOffset, firstTime, lastTime, producerId, count },
    compression: compressions[attributes & 7] ?? 'none',
    logAppendTime: (attributes & 8) !== 0,
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & 32) !== 0,
    body: bytes.subarray(start + HEAD, end),
  };
}

const noHeaders: Headers = [];

/** Adds a batch's records from offset `from` on. */
export function decodeRecords(head: BatchHead, codec: Codec, from: number, into: KafkaRecord[]): void {
  const body = codec.decompress(head.body);
  const reader = new WireReader(body);
  for (let i = 0; i < head.count; i++) {
    const length = reader.varint();
    const end = reader.at + length;
    reader.int8();
    const delta = reader.varint();
    const time = head.logAppendTime ? head.lastTime : head.firstTime + delta;
    const offset = head.baseOffset + reader.varint();
    if (offset < from) {
      reader.skip(end - reader.at);
      continue;
    }
    const key = readField(reader);
    const value = readField(reader);
    const count = reader.varint();
    into.push({ offset, time, key, value, headers: count === 0 ? noHeaders : readHeaders(reader, count) });
  }
}

function readField(reader: WireReader): Uint8Array | undefined {
  const length = reader.varint();
  return length < 0 ? undefined : reader.raw(length);
}

function readHeaders(reader: WireReader, count: number): Headers {
  const headers: [string, Uint8Array | undefined][] = [];
  for (let i = 0; i < count; i++) headers.push([text(readField(reader) ?? noBytes), readField(reader)]);
  return headers;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
