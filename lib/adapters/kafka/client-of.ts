import { MillraceError } from '../../model/index.ts';
import type { Connections } from '../../ports/index.ts';
import { KafkaClient } from './kafka-client.ts';

/** The client of a cluster that the host lends: `kafka`, or `kafka:<cluster>` for one with a name. */
export function clientOf(connections: Connections, cluster: string | undefined): KafkaClient {
  const name = cluster === undefined ? 'kafka' : `kafka:${cluster}`;
  const found = connections.get(name);
  if (found instanceof KafkaClient) return found;
  throw new MillraceError('invalid-pipeline', `the host is not connected to ${name}`, {
    hint:
      cluster === undefined
        ? 'give the host the brokers (--kafka host:port), or bind another connector to this id (--bind id=path)'
        : `give the host a connection named ${name}`,
  });
}
