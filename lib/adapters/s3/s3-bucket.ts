import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { awsErrorName } from '../../aws/index.ts';
import { s3Error } from './s3-error.ts';

/** Creates the bucket if these credentials do not own it yet: for development and tests. A deployment makes its own. */
export async function ensureBucket(client: S3Client, bucket: string): Promise<void> {
  try {
    const region = await client.config.region();
    const elsewhere =
      region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: region as 'EU' } };
    await client.send(new CreateBucketCommand({ Bucket: bucket, ...elsewhere }));
  } catch (thrown) {
    if (awsErrorName(thrown) !== 'BucketAlreadyOwnedByYou') throw s3Error(thrown, bucket);
  }
}
