import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hasStores, storesOf } from '../../cli/stores-options.ts';
import { Workplace } from './command.ts';

const flags = { kafka: 'b1:9092,b2:9092', table: 'commits', bucket: 'blobs' };

describe('where a run of workers lives', () => {
  it('is said by options', () => {
    expect(storesOf({ ...flags, region: 'eu-west-1', topicPrefix: 'x.', blobPrefix: 'y/', create: true }, {})).toEqual({
      kafka: { brokers: ['b1:9092', 'b2:9092'] },
      log: { topicPrefix: 'x.' },
      table: 'commits',
      bucket: 'blobs',
      blobPrefix: 'y/',
      dynamodb: { region: 'eu-west-1' },
      s3: { region: 'eu-west-1' },
      create: true,
    });
  });

  it('is said by the environment, which options override', () => {
    const env = {
      MILLRACE_KAFKA_BROKERS: 'other:9092',
      MILLRACE_KAFKA_TLS: 'true',
      MILLRACE_KAFKA_SASL: 'SCRAM-SHA-512',
      MILLRACE_KAFKA_USERNAME: 'ann',
      MILLRACE_KAFKA_PASSWORD: 'secret',
      MILLRACE_TABLE: 't',
      MILLRACE_BUCKET: 'b',
      AWS_ENDPOINT_URL: 'http://localhost:4566',
      AWS_ENDPOINT_URL_S3: 'http://localhost:7070',
    };
    expect(storesOf({ kafka: 'b1:9092' }, env)).toMatchObject({
      kafka: {
        brokers: ['b1:9092'],
        tls: true,
        sasl: { mechanism: 'scram-sha-512', username: 'ann', password: 'secret' },
      },
      table: 't',
      bucket: 'b',
      dynamodb: { endpoint: 'http://localhost:4566' },
      s3: { endpoint: 'http://localhost:7070' },
    });
  });

  it('never leaves TLS out for a word that it does not know', () => {
    const tls = (said: string) => storesOf(flags, { MILLRACE_KAFKA_TLS: said }).kafka.tls;
    expect(['TRUE', '1', 'yes', 'false', '0'].map(tls)).toEqual([true, true, true, false, false]);
    expect(() => tls('on')).toThrow('MILLRACE_KAFKA_TLS is on');
  });

  it('is said by a file, which both override', ({ onTestFinished }) => {
    const path = new Workplace({ onTestFinished }).path('settings.json');
    const kafka = { brokers: ['f:1'], sasl: { mechanism: 'plain', username: 'u', password: 'p' } };
    writeFileSync(
      path,
      JSON.stringify({ kafka, table: 'from-file', bucket: 'from-file', clusters: { c: { brokers: ['c:1'] } } }),
    );
    expect(storesOf({ config: path, bucket: 'mine' }, { MILLRACE_TABLE: 'mine' })).toMatchObject({
      kafka,
      table: 'mine',
      bucket: 'mine',
      clusters: { c: { brokers: ['c:1'] } },
    });
  });

  it('must be said in full: all that is missing is named', () => {
    expect(() => storesOf({ table: 't' }, {})).toThrow(
      'it is not said where the run lives: --kafka (or MILLRACE_KAFKA_BROKERS), --bucket (or MILLRACE_BUCKET)',
    );
    expect(() => storesOf(flags, { MILLRACE_KAFKA_SASL: 'kerberos' })).toThrow('MILLRACE_KAFKA_SASL is kerberos');
    expect(() => storesOf(flags, { MILLRACE_KAFKA_SASL: 'aws-msk-iam' })).toThrow('needs a region');
    expect(() => storesOf({ ...flags, config: 'nowhere.json' }, {})).toThrow('nowhere.json cannot be read');
  });

  it('is not said by a prefix alone', () => {
    expect([hasStores({ topicPrefix: 'x.' }), hasStores({ table: 't' })]).toEqual([false, true]);
  });
});
