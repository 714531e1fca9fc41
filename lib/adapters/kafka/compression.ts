import { gunzipSync, gzipSync, constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { MillraceError, messageOf } from '../../model/index.ts';

/** How record batches are compressed. Snappy needs the package `snappyjs`, LZ4 the package `lz4-napi`. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** By the number that a batch carries. */
export const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

export interface Codec {
  compress(bytes: Uint8Array): Uint8Array;
  decompress(bytes: Uint8Array): Buffer;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const builtIn: Readonly<Partial<Record<Compression, Codec>>> = {
  none: { compress: (bytes) => bytes, decompress: asBuffer },
  gzip: { compress: (bytes) => gzipSync(bytes), decompress: (bytes) => gunzipSync(bytes) },
  zstd: {
    compress: (bytes) => zstdCompressSync(bytes, { params: { [zlib.ZSTD_c_compressionLevel]: 1 } }),
    decompress: (bytes) => zstdDecompressSync(bytes),
  },
};

const loaded = new Map<Compression, Codec>();

/** The codec if it needs no loading, or has been loaded before. */
export const codecOf = (compression: Compression): Codec | undefined => builtIn[compression] ?? loaded.get(compression);

/** The codec, its package loaded if need be. Throws `unavailable` if the package is not installed. */
export async function loadCodec(compression: Compression): Promise<Codec> {
  const known = codecOf(compression);
  if (known !== undefined) return known;
  const codec = compression === 'snappy' ? await loadSnappy() : await loadLz4();
  loaded.set(compression, codec);
  return codec;
}

async function loadLz4(): Promise<Codec> {
  const { compressFrameSync, decompressFrameSync } = await import('lz4-napi').catch(missing('lz4', 'lz4-napi'));
  return {
    compress: (bytes) => compressFrameSync(asBuffer(bytes)),
    decompress: (bytes) => decompressFrameSync(asBuffer(bytes)),
  };
}

async function loadSnappy(): Promise<Codec> {
  const snappy = await import('snappyjs').catch(missing('snappy', 'snappyjs'));
  const { compress, uncompress } = snappy.default;
  return {
    compress: (bytes) => framed(bytes, compress),
    decompress: (bytes) => asBuffer(unframed(bytes, uncompress)),
  };
}

/** Kafka's snappy is that of snappy-java: this header, then blocks behind their lengths. Some clients write one bare block. */
const snappyHeader = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const MAGIC_LENGTH = 8;
const BLOCK = 32 * 1024;

function framed(bytes: Uint8Array, compress: (block: Uint8Array) => Uint8Array): Buffer {
  const parts: Uint8Array[] = [snappyHeader];
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = compress(bytes.subarray(at, at + BLOCK));
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

function unframed(bytes: Uint8Array, uncompress: (block: Uint8Array) => Uint8Array): Uint8Array {
  const buffer = asBuffer(bytes);
  if (!buffer.subarray(0, MAGIC_LENGTH).equals(snappyHeader.subarray(0, MAGIC_LENGTH))) return uncompress(buffer);
  const parts: Uint8Array[] = [];
  for (let at = snappyHeader.length; at + 4 <= buffer.length; ) {
    const end = at + 4 + buffer.readInt32BE(at);
    parts.push(uncompress(buffer.subarray(at + 4, end)));
    at = end;
  }
  return Buffer.concat(parts);
}

const missing =
  (compression: Compression, name: string) =>
  (cause: unknown): never => {
    throw new MillraceError(
      'unavailable',
      `${compression} needs a package that cannot be loaded: ${messageOf(cause)}`,
      {
        hint: `npm install ${name}`,
        retry: false,
        cause,
      },
    );
  };
