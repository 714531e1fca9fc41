import { awsError, awsErrorName } from '../../aws/index.ts';
import { MillraceError, messageOf } from '../../model/index.ts';

/** Where a call went. */
export interface CallPlace {
  readonly table: string;
  readonly region: string;
  /** Names of the key attributes that it should have. */
  readonly keys: readonly string[];
}

/** What the client threw at a call, as a MillraceError with what a person can do. */
export function dynamoError(thrown: unknown, { table, region, keys }: CallPlace): MillraceError {
  const name = awsErrorName(thrown);
  const message = messageOf(thrown);
  const details = { cause: thrown, retry: false };
  if (name === 'ResourceNotFoundException') {
    return new MillraceError('unavailable', `there is no table ${table} in region ${region}`, {
      ...details,
      hint: 'create it, or check its name, the region and whose credentials these are',
    });
  }
  if (name === 'ValidationException') {
    if (/item size|too large/i.test(message)) {
      return new MillraceError('internal', `too large for an item of table ${table}, which holds 400 KB: ${message}`, {
        ...details,
        hint: 'let more of a commit go to the blob store: lower limits.inlineBytes',
      });
    }
    if (/key|schema|type mismatch/i.test(message)) {
      const [partition, sort] = keys;
      const wanted = sort === undefined ? `"${partition}" alone` : `"${partition}" with the sort key "${sort}"`;
      return new MillraceError('unavailable', `the table ${table} has other keys than are written: ${message}`, {
        ...details,
        hint: `its partition key must be ${wanted}, of the types that are written (strings for commits)`,
      });
    }
  }
  const actions = 'dynamodb:GetItem, dynamodb:PutItem and dynamodb:Query';
  return awsError(thrown, `table ${table} in region ${region}`, actions);
}
