/**
 * What a host lends to connectors, by name: the clients of a Kafka cluster under `kafka`, for instance. Addresses and credentials are the host's, so the same
 * pipeline runs here and there. A connector looks whether what it gets is of its kind.
 */
export type Connections = ReadonlyMap<string, unknown>;
