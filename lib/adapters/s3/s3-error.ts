import { awsError, awsErrorName, statusOf } from '../../aws/index.ts';
import { MillraceError, messageOf } from '../../model/index.ts';

/** What the client threw at a call to the bucket, as a MillraceError with what a person can do. */
export function s3Error(thrown: unknown, bucket: string): MillraceError {
  const name = awsErrorName(thrown);
  const unavailable = (message: string, hint: string) =>
    new MillraceError('unavailable', message, { cause: thrown, hint, retry: false });
  if (name === 'NoSuchBucket') {
    return unavailable(`there is no bucket ${bucket}`, 'create it, or check its name and the endpoint');
  }
  if (name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed' || statusOf(thrown) === 301) {
    return unavailable(`the bucket ${bucket} is in another region: ${messageOf(thrown)}`, "set the bucket's region");
  }
  return awsError(
    thrown,
    `bucket ${bucket}`,
    's3:GetObject, s3:PutObject and s3:DeleteObject on its objects, and s3:ListBucket',
  );
}

/** Another write to the same name was under way: try again. */
export const isConflict = (thrown: unknown): boolean => statusOf(thrown) === 409;
/** There is no such object; the service's own words, since a 404 may mean other things too. */
export const isAbsent = (thrown: unknown): boolean => ['NoSuchKey', 'NotFound'].includes(awsErrorName(thrown));
export const isPresent = (thrown: unknown): boolean => statusOf(thrown) === 412;
export const isBeyondEnd = (thrown: unknown): boolean => statusOf(thrown) === 416;
