import { MillraceError, messageOf } from '../model/index.ts';

/** Name that the service or the SDK gave the error; '' for what is no error. */
export const awsErrorName = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : '');

/** HTTP status of the answer that said so; undefined if there was no answer. */
export const statusOf = (thrown: unknown): number | undefined => metadataOf(thrown)?.httpStatusCode;

/** How often the SDK tried before it gave up. */
export const attemptsOf = (thrown: unknown): number => metadataOf(thrown)?.attempts ?? 1;

interface Metadata {
  readonly httpStatusCode?: number;
  readonly attempts?: number;
}

const metadataOf = (thrown: unknown): Metadata | undefined =>
  thrown instanceof Error && '$metadata' in thrown ? (thrown.$metadata as Metadata) : undefined;

const throttled = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

const unknownCredentials = new Set([
  'IncompleteSignature',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

const expiredCredentials = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired']);

/**
 * What a client of AWS threw at a call to `what` ("table commits", "bucket b"), as `unavailable` with what a person can do; a MillraceError is returned as it
 * is. Not to be retried where only a change of settings helps. `actions` are the permissions that the call needs.
 */
export function awsError(thrown: unknown, what: string, actions: string): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const name = awsErrorName(thrown);
  const unavailable = (message: string, hint: string, retry: boolean) =>
    new MillraceError('unavailable', `${message}: ${what}`, { cause: thrown, hint, retry });
  if (throttled.has(name)) {
    const message = `throttled, ${attemptsOf(thrown)} attempts in a row`;
    return unavailable(message, 'raise its limits, or use fewer tasks at once; it is tried again', true);
  }
  if (expiredCredentials.has(name)) return unavailable('the credentials have expired', renew, true);
  if (name === 'CredentialsProviderError') return unavailable('there are no credentials', provide, false);
  if (unknownCredentials.has(name)) return unavailable(`the credentials are refused (${name})`, renew, false);
  if (name === 'AccessDeniedException' || name === 'AccessDenied' || statusOf(thrown) === 403) {
    return unavailable('access is denied', `allow ${actions} on it to these credentials`, false);
  }
  if (messageOf(thrown) === 'Region is missing') {
    return unavailable('no region is given', 'set the region, or AWS_REGION in the environment', false);
  }
  return new MillraceError('unavailable', `${what}: ${messageOf(thrown)}`, { cause: thrown });
}

const renew = 'renew them, or check which ones the process uses (environment, profile, role)';
const provide =
  'set them in the environment (AWS_ACCESS_KEY_ID ...), choose a profile (AWS_PROFILE), or run under a role';
