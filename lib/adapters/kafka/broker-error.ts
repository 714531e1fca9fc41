import { type ErrorWhere, MillraceError } from '../../model/index.ts';

/** Kafka's error codes that are acted on or explained; the others are named by number. */
export const Code = {
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  messageTooLarge: 10,
  networkException: 13,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  topicAuthorization: 29,
  groupAuthorization: 30,
  clusterAuthorization: 31,
  topicExists: 36,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  notController: 41,
  policyViolation: 44,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidTransactionState: 48,
  invalidProducerMapping: 49,
  invalidTransactionTimeout: 50,
  concurrentTransactions: 51,
  transactionalIdAuthorization: 53,
  storageError: 56,
  unknownProducer: 59,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  offsetNotAvailable: 78,
  unstableOffsets: 88,
  throttled: 89,
  producerFenced: 90,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
} as const;

const nameOf = new Map<number, string>(
  Object.entries(Code).map(([name, code]) => [code, name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)]),
);

/** What passes by itself, mostly after looking up the leaders again. */
const passing: ReadonlySet<number> = new Set([
  Code.corruptMessage,
  Code.unknownTopicOrPartition,
  Code.leaderNotAvailable,
  Code.notLeader,
  Code.requestTimedOut,
  Code.networkException,
  Code.coordinatorLoading,
  Code.coordinatorNotAvailable,
  Code.notCoordinator,
  Code.notEnoughReplicas,
  Code.notEnoughReplicasAfterAppend,
  Code.notController,
  Code.storageError,
  Code.fencedLeaderEpoch,
  Code.unknownLeaderEpoch,
  Code.offsetNotAvailable,
  Code.unstableOffsets,
  Code.throttled,
  Code.unknownTopicId,
  Code.inconsistentTopicId,
]);

export const passes = (code: number): boolean => passing.has(code);

const hints: Readonly<Record<number, string>> = {
  [Code.topicAuthorization]: "grant the user this operation on the topic, or on the pipeline's topics by their prefix",
  [Code.groupAuthorization]: 'grant the user READ on the consumer group',
  [Code.clusterAuthorization]: 'grant the user this operation on the cluster, or make the topic beforehand',
  [Code.transactionalIdAuthorization]: 'grant the user WRITE on the transactional ids by their prefix',
  [Code.invalidTransactionTimeout]:
    'lower transactionTimeout of the sink, or raise transaction.max.timeout.ms of the brokers',
  [Code.invalidReplicationFactor]: 'ask for no more replicas than there are brokers',
  [Code.notEnoughReplicas]: 'fewer replicas are in sync than min.insync.replicas: see to the brokers',
  [Code.notEnoughReplicasAfterAppend]: 'fewer replicas are in sync than min.insync.replicas: see to the brokers',
  [Code.policyViolation]:
    "the cluster's policy for topics refuses it: make the topic by hand with the settings of docs/guides/kafka.md",
  [Code.invalidConfig]:
    'the cluster refuses a setting of the topic: make the topic by hand with the settings of docs/guides/kafka.md',
};

/** A broker's refusal: of kind `bad-record` where the message is too large, else `unavailable`, to be tried again where it passes by itself. */
export function brokerError(code: number, operation: string, where: ErrorWhere = {}, words?: string): MillraceError {
  const name = nameOf.get(code) ?? `error ${code}`;
  const place =
    where.topic === undefined ? '' : ` ${where.topic}${where.partition === undefined ? '' : `/${where.partition}`}`;
  const tooLarge = code === Code.messageTooLarge || code === Code.recordListTooLarge;
  const hint = tooLarge ? 'raise max.message.bytes of the topic' : hints[code];
  const said = words === undefined || words === '' ? '' : ` (${words})`;
  return new MillraceError(
    tooLarge ? 'bad-record' : 'unavailable',
    `kafka refused ${operation}${place}: ${name}${said}`,
    {
      where,
      ...(tooLarge ? {} : { retry: passes(code) }),
      ...(hint === undefined ? {} : { hint }),
    },
  );
}
