import { type Duration, milliseconds, type WallTime } from '../model/index.ts';

/** An event source mapping of Kafka: which topic's records go to which function, and how. */
export interface KafkaMapping {
  /** Names it in what is told of it. */
  readonly name: string;
  /** Name or ARN; a version or alias may stand behind a colon. */
  readonly functionName: string;
  readonly topic: string;
  /** Consumer group that keeps how far it is. */
  readonly group: string;
  /** Where partitions begin of which the group knows nothing: with the first record kept, behind the last, or with the first of that time or later. */
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST' | { readonly at: WallTime };
  /** Most records of a delivery: 1 to 10,000. */
  readonly batchSize: number;
  /** How long records are gathered before they are delivered, since the first came. */
  readonly window: Duration;
  /** The form of its events. */
  readonly form:
    | { readonly kind: 'msk'; readonly clusterArn: string; readonly bootstrapServers: string }
    | { readonly kind: 'self-managed'; readonly bootstrapServers: string };
}

/** What Lambda takes where nothing is said. */
export const mappingDefaults = { batchSize: 100, window: milliseconds(500), startingPosition: 'TRIM_HORIZON' } as const;
