import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { kafkaConnection } from '../../functions/kafka-connection.ts';
import { settingsFrom, variables } from '../../functions/settings.ts';

const cluster = 'arn:aws:kafka:eu-central-1:123456789012:cluster/c/1';
const secret = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_one';

const base = {
  [variables.pipeline]: 'p',
  [variables.table]: 't',
  [variables.bucket]: 'b',
};

afterEach(() => vi.unstubAllEnvs());

/** Answers as MSK and Secrets Manager do; the requests' paths and bodies. */
async function services(answer: { brokers?: object; secret?: string; status?: number }): Promise<string[]> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push(`${decodeURIComponent(request.url ?? '')} ${body}`);
      const isSecret = request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue';
      const failed = JSON.stringify({ __type: 'AccessDeniedException', message: 'no' });
      const found = isSecret
        ? JSON.stringify({ SecretString: answer.secret })
        : JSON.stringify(camel(answer.brokers ?? {}));
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
      response.end(answer.status === undefined ? found : failed);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  return asked;
}

/** As on the wire. */
const camel = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name[0]!.toLowerCase() + name.slice(1), value]));

const connection = (more: Readonly<Record<string, string>>) => kafkaConnection(settingsFrom({ ...base, ...more }));

describe("a function's connection to Kafka", () => {
  it('is to the brokers that are given, without TLS and without saying who it is', async () => {
    const found = await connection({ [variables.brokers]: 'a:9092,b:9092' });
    expect(found).toMatchObject({ brokers: ['a:9092', 'b:9092'], clientId: 'millrace.p' });
    expect([found.tls, found.sasl]).toEqual([undefined, undefined]);
  });

  it.each([
    ['IAM', {}, 'BootstrapBrokerStringSaslIam'],
    ['nothing', { [variables.kafkaAuth]: 'none' }, 'BootstrapBrokerString'],
    ['TLS', { [variables.kafkaAuth]: 'none', [variables.kafkaTls]: 'true' }, 'BootstrapBrokerStringTls'],
  ])('asks MSK for its brokers: %s', async (_, more, name) => {
    const asked = await services({ brokers: { [name]: 'b-1:1,b-2:1', BootstrapBrokerStringPublicTls: 'other:1' } });
    const { brokers, tls, sasl } = await connection({ [variables.clusterArn]: cluster, ...more });
    expect(brokers).toEqual(['b-1:1', 'b-2:1']);
    expect(asked).toEqual([`/v1/clusters/${cluster}/bootstrap-brokers `]);
    expect(tls).toBe(name === 'BootstrapBrokerString' ? undefined : true);
    expect(sasl).toEqual(name.endsWith('Iam') ? { mechanism: 'aws-msk-iam', region: 'eu-central-1' } : undefined);
  });

  it('signs in by SCRAM with what the secret holds', async () => {
    const asked = await services({
      brokers: { BootstrapBrokerStringSaslScram: 'b-1:9096' },
      secret: JSON.stringify({ username: 'u', password: 'p' }),
    });
    expect(await connection({ [variables.clusterArn]: cluster, [variables.kafkaSecret]: secret })).toMatchObject({
      ...{ brokers: ['b-1:9096'], tls: true },
      sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
    });
    expect(asked.some((each) => each.includes(secret))).toBe(true);
  });

  it('shows the certificate that the secret holds', async () => {
    await services({ secret: JSON.stringify({ certificate: 'c', privateKey: 'k', privateKeyPassword: 'w' }) });
    const found = await connection({
      ...{ [variables.brokers]: 'a:9093', [variables.kafkaSecret]: secret, [variables.kafkaAuth]: 'mtls' },
    });
    expect(found).toMatchObject({ tls: { cert: 'c', key: 'k', passphrase: 'w' } });
    expect(found.sasl).toBeUndefined();
  });

  it.each([
    ['no JSON', 'swordfish', 'a JSON object'],
    ['no password', JSON.stringify({ username: 'u' }), 'a text "password"'],
  ])('says what is wrong with the secret: %s', async (_, held, what) => {
    await services({ secret: held });
    const wanted = connection({ [variables.brokers]: 'a:9096', [variables.kafkaSecret]: secret });
    await expect(wanted).rejects.toMatchObject({ kind: 'unavailable', retry: false });
    await expect(wanted).rejects.toThrow(`${secret} does not hold ${what}`);
  });

  it('says so where the cluster does not offer the access, or nobody may ask it', async () => {
    await services({ brokers: { BootstrapBrokerStringTls: 'b:1' } });
    await expect(connection({ [variables.clusterArn]: cluster })).rejects.toThrow(
      'no addresses for authentication "iam"',
    );
    await services({ status: 403 });
    await expect(connection({ [variables.clusterArn]: cluster })).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining('kafka:GetBootstrapBrokers'),
    });
  });
});
