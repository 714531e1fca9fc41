import { randomUUID } from 'node:crypto';
import {
  KafkaClient,
  type KafkaClientOptions,
  KafkaLog,
  type KafkaLogOptions,
} from '../../../lib/adapters/kafka/index.ts';

/** A name that no other test uses. */
export const ownName = (what = 'test'): string => `${what}-${randomUUID().slice(0, 8)}`;

/** A log with topics of its own, for the conformance suite. */
export function openedKafkaLog(address: string, options: KafkaLogOptions = {}, clientOptions: KafkaClientOptions = {}) {
  const topicPrefix = `${ownName()}.`;
  const open = () => new KafkaClient({ brokers: [address] }, clientOptions);
  let client = open();
  const log = () => new KafkaLog(client, { topicPrefix, ...options });
  return {
    port: log(),
    reopen: async () => {
      client.close();
      client = open();
      return log();
    },
    deleteTopic: (name: string) => client.deleteTopic(`${topicPrefix}${name}`),
    close: async () => client.close(),
  };
}
