import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { ensureBucket, S3BlobStore, s3Client } from '../../../lib/adapters/s3/index.ts';
import { recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import type { AwsConnection } from '../../../lib/aws/index.ts';
import type { Duration } from '../../../lib/model/index.ts';
import { skipNote } from '../../conformance/opened.ts';
import { localAws, ownName, useMinistack, useS3 } from '../../services/aws.ts';
import { attemptsMade, loseAnswers, meddle, refuse, serviceError } from '../../services/aws-faults.ts';

const { running, missing } = await useS3();
const ministack = await useMinistack();
const MB = 2 ** 20;
const bytes = (...list: number[]) => Uint8Array.from(list);
const pattern = Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 31) % 256));
const filled = (length: number) => Buffer.alloc(length, pattern);
const plain = (found: Uint8Array | undefined) => found && [...found];
const same = (a: Uint8Array | undefined, b: Uint8Array) => a !== undefined && Buffer.compare(a, b) === 0;

describe.skipIf(missing !== undefined)(`S3BlobStore${skipNote(missing)}`, () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  function storeOf(bucket: string, connection: AwsConnection = {}, address = running!.address) {
    const client = s3Client({ ...localAws(address), ...connection });
    closing.push(() => client.destroy());
    const telemetry = recordingTelemetry();
    return { client, bucket, telemetry, store: new S3BlobStore({ client, bucket, telemetry }) };
  }

  async function newStore(connection?: AwsConnection, address?: string) {
    const opened = storeOf(ownName('blobs'), connection, address);
    await ensureBucket(opened.client, opened.bucket);
    return opened;
  }

  it('does not list what others put under keys that it would not write', async () => {
    const { store, client, bucket } = await newStore();
    await store.put('run/ü %', bytes(1));
    for (const Key of ['run/%', 'run/%zz', 'run/a b', 'run/plain']) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: bytes(2) }));
    }
    expect(await store.list('run/')).toEqual(['run/plain', 'run/ü %']);
  });

  describe('a large blob', () => {
    it.each([16 * MB, 16 * MB + 1, 24 * MB, 25 * MB + 12_345])('of %i bytes is read as it was put', async (length) => {
      const { store, client } = await newStore();
      const made = attemptsMade(client);
      const large = filled(length);
      await store.put('large', large);
      const parts = made.filter((command) => command === 'UploadPart');
      expect(parts).toHaveLength(length > 16 * MB ? Math.ceil(length / (8 * MB)) : 0);
      expect(same(await store.get('large'), large)).toBe(true);
      expect(same(await store.getRange('large', 8 * MB - 5, 8 * MB + 5), large.subarray(8 * MB - 5, 8 * MB + 5))).toBe(
        true,
      );
      expect(await store.list('')).toEqual(['large']);
    });

    it('is not there at all, nor are its parts, if one of them fails', async () => {
      const { store, client, bucket } = await newStore({ attempts: 1 });
      let part = 0;
      meddle(client, async ({ command, send }) => {
        if (command === 'UploadPart' && part++ === 1) throw serviceError('AccessDenied', 403);
        return send();
      });
      await expect(store.put('large', filled(25 * MB))).rejects.toMatchObject({
        kind: 'unavailable',
        message: /access is denied/,
      });
      expect(await store.get('large')).toBeUndefined();
      expect((await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual([]);
    });

    it('is put although single requests fail', async () => {
      const { store, client } = await newStore();
      let part = 0;
      meddle(client, async ({ command, send }) => {
        if (command === 'UploadPart' && part++ % 2 === 0) throw serviceError('SlowDown', 503);
        return send();
      });
      const large = filled(25 * MB);
      await store.put('large', large);
      expect(same(await store.get('large'), large)).toBe(true);
    });
  });

  describe('a creation', () => {
    it('is told as one if its answer was lost', async () => {
      const { store, client } = await newStore();
      loseAnswers(client, 1, 'PutObject');
      expect(await store.create('a', bytes(1, 2))).toBe('created');
    });

    it("is not told as one if another's was first", async () => {
      const { store, client, bucket } = await newStore();
      const other = storeOf(bucket).store;
      meddle(client, async ({ send }) => {
        await other.create('a', bytes(9));
        return send();
      });
      expect(await store.create('a', bytes(1, 2))).toBe('exists');
      expect(plain(await store.get('a'))).toEqual([9]);
    });

    it('is tried again when it conflicts with another under way', async () => {
      const { store, client, telemetry } = await newStore();
      refuse(client, 2, 'ConditionalRequestConflict', 409);
      expect(await store.create('a', bytes(1))).toBe('created');
      expect(telemetry.counter('millrace.s3.retries', { operation: 'create' })).toBe(2);
      expect(await store.create('a', bytes(2))).toBe('exists');
    });

    it('is unavailable if it conflicts on and on', async () => {
      const { store, client } = await newStore();
      refuse(client, 99, 'ConditionalRequestConflict', 409);
      await expect(store.create('a', bytes(1))).rejects.toMatchObject({ kind: 'unavailable', retry: true });
    });
  });

  describe('deletion', () => {
    it('takes any number of names', async () => {
      const { store, client } = await newStore({}, ministack.running?.address ?? running!.address);
      const names = Array.from({ length: 2_300 }, (_, i) => `n/${i}`);
      for (const name of names.filter((_, i) => i % 100 === 0)) await store.put(name, bytes(1));
      const made = attemptsMade(client);
      await store.delete(names);
      expect(made).toEqual(['DeleteObjects', 'DeleteObjects', 'DeleteObjects']);
      expect(await store.list('')).toEqual([]);
    });

    it('is tried again for names that were refused', async () => {
      const { store, client } = await newStore();
      for (const name of ['a', 'b', 'c']) await store.put(name, bytes(1));
      let refused = 2;
      meddle(client, async ({ command, send }) => {
        const answer = (await send()) as { output: { Errors?: unknown } };
        if (command === 'DeleteObjects' && refused-- > 0)
          answer.output.Errors = [{ Key: 'b', Code: 'SlowDown', Message: 'slow down' }];
        return answer;
      });
      await store.delete(['a', 'b', 'c']);
      expect(await store.list('')).toEqual([]);
    });

    it('names what it could not delete', async () => {
      const { store, client } = await newStore();
      meddle(client, async ({ send }) => {
        const answer = (await send()) as { output: { Errors?: unknown } };
        answer.output.Errors = [{ Key: 'b', Code: 'AccessDenied', Message: 'no' }];
        return answer;
      });
      await expect(store.delete(['a', 'b'])).rejects.toMatchObject({
        kind: 'unavailable',
        message: /1 of 2 blobs .* b: AccessDenied/,
        hint: /s3:DeleteObject/,
      });
    });
  });

  it('lists more names than an answer holds', async () => {
    const { store, client } = await newStore();
    const names = Array.from({ length: 1_030 }, (_, i) => `n/${String(i).padStart(5, '0')}`);
    for (let i = 0; i < names.length; i += 64)
      await Promise.all(names.slice(i, i + 64).map((name) => store.put(name, bytes())));
    const made = attemptsMade(client);
    expect(await store.list('n/')).toEqual(names);
    expect(made).toEqual(['ListObjectsV2', 'ListObjectsV2']);
  });

  describe('a service in trouble', () => {
    it.each([
      ['SlowDown', 503],
      ['InternalError', 500],
      ['ServiceUnavailable', 503],
      ['RequestTimeout', 400],
    ])('is asked again after %s', async (name, status) => {
      const { store, client } = await newStore();
      refuse(client, 1, name, status);
      await store.put('a', bytes(1));
      refuse(client, 1, name, status);
      expect(plain(await store.get('a'))).toEqual([1]);
    });

    it('is unavailable if it says slow down on and on', async () => {
      const { store, client } = await newStore({ attempts: 2 });
      refuse(client, 99, 'SlowDown', 503);
      await expect(store.put('a', bytes(1))).rejects.toMatchObject({
        kind: 'unavailable',
        retry: true,
        message: /throttled, 2 attempts/,
      });
    });

    it('is asked again for a blob that breaks off or arrives damaged', async () => {
      const { client, bucket } = await newStore();
      const content = filled(200_000);
      await new S3BlobStore({ client, bucket, telemetry: recordingTelemetry() }).put('a', content);
      for (const harm of ['cut', 'damage'] as const) {
        const proxy = await harmfulProxy(running!.address, 2, harm);
        closing.push(proxy.close);
        const { store, telemetry } = storeOf(bucket, { endpoint: proxy.address, requestTimeout: 2_000 as Duration });
        expect(same(await store.get('a'), content)).toBe(true);
        expect(telemetry.counter('millrace.s3.retries', { operation: 'get' })).toBe(2);
      }
    });

    it('is unavailable if it accepts connections and never answers', async () => {
      const server = createServer(() => undefined);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closing.push(() => server.close());
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { store } = storeOf('b', { endpoint, attempts: 2, requestTimeout: 50 as Duration });
      await expect(store.get('a')).rejects.toMatchObject({ kind: 'unavailable', retry: true });
    });
  });

  describe('settings that are wrong', () => {
    it('are named where there is no such bucket', async () => {
      const { store } = storeOf('no-such-bucket');
      for (const call of [
        () => store.put('a', bytes(1)),
        () => store.get('a'),
        () => store.list(''),
        () => store.delete(['a']),
      ]) {
        await expect(call()).rejects.toMatchObject({
          kind: 'unavailable',
          retry: false,
          message: 'there is no bucket no-such-bucket',
        });
      }
    });

    it('are named where the secret is wrong', async () => {
      const { bucket } = await newStore();
      const credentials = { ...localAws('').credentials!, secretAccessKey: 'nothing' };
      const { store } = storeOf(bucket, { credentials });
      await expect(store.get('a')).rejects.toMatchObject({ kind: 'unavailable', retry: false, message: /refused/ });
    });

    it('are no absent blob where the user is not known', async () => {
      const { bucket } = await newStore();
      const { store } = storeOf(bucket, { credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' } });
      await expect(store.get('a')).rejects.toMatchObject({ kind: 'unavailable' });
    });

    it.each([
      ['AccessDenied', 403, /access is denied/, /s3:GetObject/, false],
      ['ExpiredToken', 400, /expired/, /renew/, true],
      ['SignatureDoesNotMatch', 403, /refused/, /renew/, false],
      ['PermanentRedirect', 301, /another region/, /region/, false],
      ['AuthorizationHeaderMalformed', 400, /another region/, /region/, false],
    ] as const)('are named after %s', async (name, status, message, hint, retry) => {
      const { store, client } = await newStore({ attempts: 1 });
      refuse(client, 9, name, status);
      await expect(store.put('a', bytes(1))).rejects.toMatchObject({ kind: 'unavailable', message, hint, retry });
    });
  });

  it('counts calls and bytes', async () => {
    const { store, telemetry, bucket } = await newStore();
    await store.put('a', bytes(1, 2, 3));
    await store.get('a');
    await store.getRange('a', 1, 2);
    expect(telemetry.counter('millrace.s3.bytes', { bucket, operation: 'put' })).toBe(3);
    expect(telemetry.counter('millrace.s3.bytes', { bucket, operation: 'get' })).toBe(4);
    expect(telemetry.counter('millrace.s3.calls', { bucket })).toBe(3);
  });

  it('makes a bucket once', async () => {
    const { client, bucket } = await newStore();
    await ensureBucket(client, bucket);
  });
});

/** Passes requests on to a server, and cuts or changes the first `times` bodies that come back. */
async function harmfulProxy(server: string, times: number, harm: 'cut' | 'damage') {
  let left = times;
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const onward = request(`${server}${url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      const harmed = left-- > 0;
      answer.on('data', (chunk: Buffer) => {
        if (!harmed) outgoing.write(chunk);
        else if (harm === 'cut') outgoing.write(chunk.subarray(0, 10), () => outgoing.destroy());
        else outgoing.write(chunk.map((byte) => byte ^ 1));
      });
      answer.on('end', () => outgoing.end());
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const close = () => {
    proxy.closeAllConnections();
    proxy.close();
  };
  return { address: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, close };
}
