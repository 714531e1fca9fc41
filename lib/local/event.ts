import type { KafkaRecord } from '../adapters/kafka/index.ts';
import type { KafkaMapping } from './mapping.ts';

/** How a record is written down. */
export interface RecordForm {
  /** Of the topic: when the record was made, or when the broker took it in. */
  readonly timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME';
  /** A missing key or value has no field; otherwise it is null. */
  readonly absent: boolean;
  /** Bytes of headers are 0 to 255; otherwise -128 to 127. */
  readonly unsigned: boolean;
}

/** Bytes of a payload that Lambda takes. */
export const PAYLOAD_LIMIT = 6 * 2 ** 20;

/** A record as Lambda writes it into its event. */
export function recordText(topic: string, partition: number, record: KafkaRecord, form: RecordForm): string {
  const { offset, time, headers } = record;
  const head = `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},"timestamp":${time}`;
  const key = bytesField('key', record.key, form.absent);
  const value = bytesField('value', record.value, form.absent);
  const list = headers.map(([name, bytes]) => `{${JSON.stringify(name)}:${numbers(bytes, form.unsigned)}}`).join(',');
  return `${head},"timestampType":"${form.timestampType}"${key}${value},"headers":[${list}]}`;
}

function bytesField(name: string, bytes: Uint8Array | undefined, absent: boolean): string {
  if (bytes === undefined) return absent ? '' : `,"${name}":null`;
  return `,"${name}":"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`;
}

function numbers(bytes: Uint8Array | undefined, unsigned: boolean): string {
  if (bytes === undefined) return '[]';
  return `[${(unsigned ? bytes : new Int8Array(bytes)).join(',')}]`;
}

/** Records of a delivery, by partition, each as `recordText` wrote it. */
export interface DeliveredTexts {
  readonly partition: number;
  readonly texts: readonly string[];
}

/** The event of a delivery, as JSON. */
export function eventText({ topic, form }: KafkaMapping, parts: readonly DeliveredTexts[]): string {
  const records = parts.map(
    ({ partition, texts }) => `${JSON.stringify(`${topic}-${partition}`)}:[${texts.join(',')}]`,
  );
  const servers = JSON.stringify(form.bootstrapServers);
  const head =
    form.kind === 'msk'
      ? `"eventSource":"aws:kafka","eventSourceArn":${JSON.stringify(form.clusterArn)}`
      : '"eventSource":"SelfManagedKafka"';
  return `{${head},"bootstrapServers":${servers},"records":{${records.join(',')}}}`;
}

/** More bytes than an event has beside its records, and a partition beside its own. */
export const EVENT_OVERHEAD = 4_096;
export const PARTITION_OVERHEAD = 300;
