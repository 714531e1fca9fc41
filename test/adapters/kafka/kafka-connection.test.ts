import { describe, expect, it } from 'vitest';
import { KafkaClient, kafkajsConnection } from '../../../lib/adapters/kafka/index.ts';

const brokers = ['one:9092'];

describe('a connection', () => {
  it('is plain unless said otherwise', () => {
    expect(kafkajsConnection({ brokers })).toEqual({
      brokers,
      clientId: 'millrace',
      connectionTimeout: 10_000,
      authenticationTimeout: 10_000,
      requestTimeout: 30_000,
    });
  });

  it('passes on certificates, users and passwords', () => {
    expect(
      kafkajsConnection({
        brokers,
        tls: { ca: 'PEM' },
        sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
      }),
    ).toMatchObject({ ssl: { ca: 'PEM' }, sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' } });
  });

  it('asks for a token each time it signs in', async () => {
    let n = 0;
    const { sasl } = kafkajsConnection({
      brokers,
      sasl: { mechanism: 'oauthbearer', token: async () => `token-${++n}` },
    });
    if (sasl?.mechanism !== 'oauthbearer') throw new Error('another mechanism');
    expect([await sasl.oauthBearerProvider(), await sasl.oauthBearerProvider()]).toEqual([
      { value: 'token-1' },
      { value: 'token-2' },
    ]);
  });

  it('signs a token for MSK with the credentials of the environment', async () => {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' });
    try {
      const { sasl } = kafkajsConnection({
        brokers,
        tls: true,
        sasl: { mechanism: 'aws-msk-iam', region: 'eu-west-1' },
      });
      if (sasl?.mechanism !== 'oauthbearer') throw new Error('another mechanism');
      const { value } = await sasl.oauthBearerProvider();
      const url = Buffer.from(value, 'base64url').toString();
      expect(url).toContain('kafka.eu-west-1.amazonaws.com');
      expect(url).toContain('AKIDEXAMPLE');
    } finally {
      for (const [name, value] of Object.entries({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it.each([
    ['no broker', { brokers: [] }],
    ['a broker without a port', { brokers: ['one'] }],
    ['MSK with IAM without TLS', { brokers, sasl: { mechanism: 'aws-msk-iam', region: 'eu-west-1' } as const }],
  ])('is refused with %s', (_, connection) => {
    expect(() => kafkajsConnection(connection)).toThrow(expect.objectContaining({ kind: 'invalid-pipeline' }));
  });

  it('says which broker cannot be reached', async () => {
    const client = new KafkaClient({ brokers: ['127.0.0.1:1'] }, { patience: 100 });
    await expect(client.topic('t')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('127.0.0.1:1'),
      retry: true,
    });
    client.close();
  });
});
