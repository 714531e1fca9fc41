import { crc32 } from 'node:zlib';
import { MillraceError } from '../model/index.ts';
import { ByteReader, ByteWriter } from '../protocol/index.ts';
import { damagedRun } from './run-format.ts';

const FORMAT = 1;
const MAGIC = 0x73736e6d;

/** A sorted run, in one or more blobs that follow one another in order. */
export interface StoredRun {
  /** It holds what changed in versions after `from` up to `to`. */
  readonly from: number;
  readonly to: number;
  readonly cells: number;
  /** Bytes of its cells before compression. */
  readonly unpacked: number;
  readonly files: readonly { readonly name: string; readonly size: number }[];
}

/** What a snapshot consists of. */
export interface Manifest {
  readonly version: number;
  /** Version of the oldest run, or of the snapshot that began anew without one. */
  readonly base: number;
  /** Bytes of runs written since the oldest was, before compression, live or not: what garbage there can be. */
  readonly written: number;
  /** Oldest first; each begins where the one before ends. */
  readonly runs: readonly StoredRun[];
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u32(MAGIC);
  writer.u8(FORMAT);
  writer.varint(manifest.version);
  writer.varint(manifest.base);
  writer.varint(manifest.written);
  writer.varint(manifest.runs.length);
  for (const run of manifest.runs) {
    for (const n of [run.from, run.to, run.cells, run.unpacked, run.files.length]) writer.varint(n);
    for (const { name, size } of run.files) {
      writer.string(name);
      writer.varint(size);
    }
  }
  writer.u32(crc32(writer.copy()));
  return writer.copy();
}

/** Throws `data-lost` if the bytes are damaged, `incompatible` if they are of another format. */
export function decodeManifest(name: string, bytes: Uint8Array): Manifest {
  if (bytes.length < 9) throw damagedRun(name, 'it is too short');
  const reader = new ByteReader(bytes, 'snapshot manifest', 0, bytes.length - 4);
  const checksum = reader.view.getUint32(bytes.length - 4, true);
  if (reader.u32() !== MAGIC) throw damagedRun(name, 'it does not begin as a manifest');
  const format = reader.u8();
  if (format !== FORMAT) {
    throw new MillraceError('incompatible', `snapshot ${name} has format ${format}, and this version reads ${FORMAT}`, {
      hint: 'run the version of millrace that wrote it, or a newer one',
    });
  }
  if (crc32(bytes.subarray(0, bytes.length - 4)) !== checksum) {
    throw damagedRun(name, 'it does not match its checksum');
  }
  const version = reader.varint();
  const base = reader.varint();
  const written = reader.varint();
  const runs: StoredRun[] = [];
  for (let n = reader.count(5); n > 0; n--) {
    const [from, to, cells, unpacked] = [reader.varint(), reader.varint(), reader.varint(), reader.varint()];
    const files: { name: string; size: number }[] = [];
    for (let f = reader.count(2); f > 0; f--) files.push({ name: reader.string(), size: reader.varint() });
    runs.push({ from, to, cells, unpacked, files });
  }
  return { version, base, written, runs };
}
