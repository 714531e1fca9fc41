import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, type ITable, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { type Grant, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { variables } from '../../functions/settings.ts';
import { acknowledge, acknowledgeWildcards } from './acknowledged.ts';

/** Where state is: a table of commits, and a bucket of snapshots and large deltas. */
export interface IMillraceState {
  readonly table: ITable;
  readonly bucket: IBucket;
  /** Begins the keys of all blobs, with a slash at its end; may be empty. */
  readonly blobPrefix: string;
}

export interface MillraceStateProps {
  /** A table with the keys `pk` and `sk`, both texts. @default - one is made */
  readonly table?: ITable;
  /** @default - one is made */
  readonly bucket?: IBucket;
  /** Begins the keys of all blobs in the bucket, with a slash at its end. @default - nothing */
  readonly blobPrefix?: string;
  /**
   * Whether table and bucket go when they are removed from the stack, with all that is in them. Otherwise they stay, and the table cannot be deleted by hand either before its
   * protection is switched off.
   * @default false
   */
  readonly destroyState?: boolean;
}

/**
 * State of pipelines, of one or several. In a stack of its own it lives apart from the code: deploying, rolling back or deleting that cannot touch it.
 *
 * ```ts
 * const state = new MillraceState(new Stack(app, 'OrdersState', { terminationProtection: true }), 'State');
 * new MillracePipeline(new Stack(app, 'Orders'), 'Pipeline', { state, ... });
 * ```
 */
export class MillraceState extends Construct implements IMillraceState {
  readonly table: ITable;
  readonly bucket: IBucket;
  readonly blobPrefix: string;

  constructor(scope: Construct, id: string, props: MillraceStateProps = {}) {
    super(scope, id);
    const { table, bucket, blobPrefix = '', destroyState = false } = props;
    this.table = table ?? this.#newTable(destroyState);
    this.bucket = bucket ?? this.#newBucket(destroyState);
    this.blobPrefix = blobPrefix;
  }

  #newTable(destroy: boolean): ITable {
    return new TableV2(this, 'Commits', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: !destroy,
      removalPolicy: destroy ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    }) as ITable;
  }

  #newBucket(destroy: boolean): IBucket {
    const bucket = new Bucket(this, 'Snapshots', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      // Of large blobs whose writer ended amid them.
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      removalPolicy: destroy ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      autoDeleteObjects: destroy,
    });
    acknowledge(bucket, 'AwsSolutions-S1');
    return bucket as IBucket;
  }
}

/** What is done with state: tasks delete blobs that nothing can reach any more, the controller none, others look. */
export type StateRole = 'task' | 'controller' | 'worker' | 'reader';

const TABLE_ACTIONS: Readonly<Record<StateRole, readonly string[]>> = {
  task: ['dynamodb:PutItem'],
  controller: ['dynamodb:PutItem'],
  worker: ['dynamodb:PutItem'],
  reader: [],
};

const OBJECT_ACTIONS: Readonly<Record<StateRole, readonly string[]>> = {
  task: ['s3:AbortMultipartUpload', 's3:PutObject', 's3:DeleteObject'],
  controller: ['s3:AbortMultipartUpload', 's3:PutObject'],
  worker: ['s3:AbortMultipartUpload', 's3:PutObject', 's3:DeleteObject'],
  reader: [],
};

/** Lets somebody work with state. */
export function grantState({ table, bucket, blobPrefix }: IMillraceState, grantee: IGrantable, role: StateRole): Grant {
  const read = table.grant(grantee, 'dynamodb:GetItem', 'dynamodb:Query', ...TABLE_ACTIONS[role]);
  table.encryptionKey?.grant(grantee, 'kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey*');
  const objects = [bucket.arnForObjects(`${blobPrefix}*`)];
  const { grantPrincipal } = grantee;
  const onObjects = new PolicyStatement({ actions: ['s3:GetObject', ...OBJECT_ACTIONS[role]], resources: objects });
  grantPrincipal.addToPrincipalPolicy(onObjects);
  acknowledgeWildcards(grantee, objects);
  grantPrincipal.addToPrincipalPolicy(
    new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
  );
  bucket.encryptionKey?.grantEncryptDecrypt(grantee);
  return read;
}

/** Tells functions where state is. */
export const stateEnvironment = ({ table, bucket, blobPrefix }: IMillraceState): Record<string, string> => ({
  [variables.table]: table.tableName,
  [variables.bucket]: bucket.bucketName,
  ...(blobPrefix === '' ? {} : { [variables.blobPrefix]: blobPrefix }),
});
