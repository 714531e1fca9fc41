import {
  DeleteObjectsCommand,
  type _Error as DeletionError,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { attemptsOf } from '../../aws/index.ts';
import { MillraceError } from '../../model/index.ts';
import type { BlobStore, Telemetry } from '../../ports/index.ts';
import { LARGEST_SINGLE_PUT, uploadInParts } from './multipart-upload.ts';
import { isAbsent, isBeyondEnd, isConflict, isPresent, s3Error } from './s3-error.ts';

export interface S3BlobStoreOptions {
  readonly client: S3Client;
  readonly bucket: string;
  /** Begins all keys: several stores may share a bucket. Default: none. */
  readonly prefix?: string;
  readonly telemetry: Telemetry;
}

/** Metrics, each with labels `bucket` and `operation`. */
const metrics = {
  /** Calls, however many requests each took. */
  calls: 'millrace.s3.calls',
  /** Bytes of blobs put and got. */
  bytes: 'millrace.s3.bytes',
  /** Attempts after the first. */
  retries: 'millrace.s3.retries',
} as const;

/** Names that S3 deletes at once. */
const DELETED_AT_ONCE = 1_000;
const ATTEMPTS = 5;
const EMPTY = 0;

/** The connection broke while a blob was being read: the client tries again only before that. */
class BrokenOff extends Error {}

/**
 * Blobs as objects in an S3 bucket, under their names, percent-encoded where answers in XML could not hold them. Large ones are put in parts. Objects of
 * others, under keys that are no such names, are not listed.
 */
export class S3BlobStore implements BlobStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #telemetry: Telemetry;

  constructor({ client, bucket, prefix = '', telemetry }: S3BlobStoreOptions) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#telemetry = telemetry;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#call('put', bytes.length, async () => {
      if (bytes.length > LARGEST_SINGLE_PUT) await uploadInParts(this.#client, this.#bucket, this.#key(name), bytes);
      else await this.#client.send(new PutObjectCommand({ ...this.#at(name), Body: bytes }));
    });
  }

  async create(name: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    let attempts = 0;
    const outcome = await this.#call('create', bytes.length, async () => {
      attempts++;
      try {
        await this.#client.send(new PutObjectCommand({ ...this.#at(name), Body: bytes, IfNoneMatch: '*' }));
        return 'created';
      } catch (thrown) {
        if (!isPresent(thrown)) throw thrown;
        attempts += attemptsOf(thrown) - 1;
        return 'exists';
      }
    });
    if (outcome === 'created' || attempts === 1) return outcome;
    const found = await this.get(name);
    return found !== undefined && Buffer.compare(found, bytes) === 0 ? 'created' : 'exists';
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return this.#read('get', name, undefined);
  }

  async getRange(name: string, start: number, end: number): Promise<Uint8Array | undefined> {
    if (end > start) return this.#read('get', name, `bytes=${start}-${end - 1}`);
    return this.#call('head', EMPTY, async () => {
      try {
        await this.#client.send(new HeadObjectCommand(this.#at(name)));
        return new Uint8Array(0);
      } catch (thrown) {
        if (isAbsent(thrown)) return undefined;
        throw thrown;
      }
    });
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = [];
    let from: string | undefined;
    do {
      const page = await this.#call('list', EMPTY, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: this.#key(prefix),
            ...(from === undefined ? {} : { ContinuationToken: from }),
          }),
        ),
      );
      for (const { Key } of page.Contents ?? []) {
        const name = this.#nameOf(Key!);
        if (name !== undefined) names.push(name);
      }
      from = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (from !== undefined);
    return names.sort();
  }

  async delete(names: readonly string[]): Promise<void> {
    for (let i = 0; i < names.length; i += DELETED_AT_ONCE) {
      await this.#delete(names.slice(i, i + DELETED_AT_ONCE).map((name) => this.#key(name)));
    }
  }

  /** Tries again with those that were refused, as long as there are any. */
  async #delete(keys: readonly string[]): Promise<void> {
    let left = keys;
    let refused: DeletionError[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await pause(attempt);
      const Objects = left.map((Key) => ({ Key }));
      const answer = await this.#call('delete', EMPTY, () =>
        this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })),
      );
      refused = answer.Errors ?? [];
      if (refused.length === 0) return;
      if (refused.every(({ Code }) => Code === 'AccessDenied')) break;
      left = refused.map(({ Key }) => Key!);
    }
    const { Key, Code, Message } = refused[0]!;
    throw new MillraceError(
      'unavailable',
      `${refused.length} of ${keys.length} blobs in bucket ${this.#bucket} could not be deleted, among them ${Key}: ${Code} ${Message}`,
      Code === 'AccessDenied' ? { hint: 'allow s3:DeleteObject on its objects to these credentials' } : {},
    );
  }

  async #read(operation: string, name: string, range: string | undefined): Promise<Uint8Array | undefined> {
    const bytes = await this.#call(operation, EMPTY, async () => {
      try {
        const Range = range === undefined ? {} : { Range: range };
        const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#at(name), ...Range }));
        return await Body!.transformToByteArray().catch((cause: unknown) => {
          throw new BrokenOff('the connection broke off', { cause });
        });
      } catch (thrown) {
        if (isAbsent(thrown)) return undefined;
        if (isBeyondEnd(thrown)) return new Uint8Array(0);
        throw thrown;
      }
    });
    if (bytes !== undefined) this.#telemetry.count(metrics.bytes, bytes.length, this.#labels(operation));
    return bytes;
  }

  /** Makes a call, again where it conflicted with another or broke off; what it throws is a MillraceError. */
  async #call<T>(operation: string, bytes: number, call: () => Promise<T>): Promise<T> {
    const labels = this.#labels(operation);
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await call();
        this.#telemetry.count(metrics.calls, 1, labels);
        if (bytes > 0) this.#telemetry.count(metrics.bytes, bytes, labels);
        if (attempt > 1) this.#telemetry.count(metrics.retries, attempt - 1, labels);
        return answer;
      } catch (thrown) {
        if (attempt === ATTEMPTS || !(isConflict(thrown) || thrown instanceof BrokenOff)) {
          const retries = attempt - 1 + attemptsOf(thrown) - 1;
          if (retries > 0) this.#telemetry.count(metrics.retries, retries, labels);
          throw s3Error(thrown instanceof BrokenOff ? thrown.cause : thrown, this.#bucket);
        }
        await pause(attempt);
      }
    }
  }

  #labels(operation: string) {
    return { bucket: this.#bucket, operation };
  }

  #at(name: string) {
    return { Bucket: this.#bucket, Key: this.#key(name) };
  }

  /** Undefined for a key that no name has: something else writes to the bucket too. */
  #nameOf(key: string): string | undefined {
    try {
      const name = decodeURIComponent(key.slice(this.#prefix.length));
      return this.#key(name) === key ? name : undefined;
    } catch {
      return undefined;
    }
  }

  #key(name: string): string {
    return this.#prefix + encodeURIComponent(name).replaceAll('%2F', '/');
  }
}

/** Up to 100 ms, and up to twice as long with each attempt. */
const pause = (attempt: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * 2 ** attempt));
