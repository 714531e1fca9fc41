import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

/** Bytes of a part but the last; S3 takes at least 5 MiB, and at most ten thousand parts. */
const PART = 8 * 2 ** 20;
/** Parts under way at once. */
const AT_ONCE = 4;

/** Blobs larger than this are put in parts. */
export const LARGEST_SINGLE_PUT = 2 * PART;

/** Puts a large blob in parts, each with its checksum. The blob is there whole or not at all: what fails is given up, and S3 is told to forget the parts. */
export async function uploadInParts(client: S3Client, Bucket: string, Key: string, bytes: Uint8Array): Promise<void> {
  const place = { Bucket, Key };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...place, ChecksumAlgorithm: 'CRC32' }));
  try {
    const parts = new Array<CompletedPart>(Math.ceil(bytes.length / PART));
    let next = 0;
    const sender = async () => {
      while (next < parts.length) {
        const i = next++;
        const answer = await client.send(
          new UploadPartCommand({
            ...place,
            UploadId,
            PartNumber: i + 1,
            Body: bytes.subarray(i * PART, (i + 1) * PART),
            ChecksumAlgorithm: 'CRC32',
          }),
        );
        parts[i] = {
          PartNumber: i + 1,
          ETag: answer.ETag,
          ...(answer.ChecksumCRC32 === undefined ? {} : { ChecksumCRC32: answer.ChecksumCRC32 }),
        };
      }
    };
    const senders = await Promise.allSettled(Array.from({ length: AT_ONCE }, sender));
    const failed = senders.find((sender) => sender.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts: parts } }));
  } catch (thrown) {
    await client.send(new AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => undefined);
    throw thrown;
  }
}
