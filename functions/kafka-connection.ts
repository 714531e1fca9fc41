/** How a function reaches the brokers: addresses as given or as MSK says, and who it is there from the secret. */
import type { KafkaConnection, KafkaSasl, KafkaTls } from '../lib/adapters/kafka/index.ts';
import { awsError, clientSettings } from '../lib/aws/index.ts';
import { type Duration, MillraceError } from '../lib/model/index.ts';
import type { KafkaAuth, Settings } from './settings.ts';

const PATIENCE = 5_000 as Duration;

/** Throws `unavailable` where the cluster or the secret cannot be looked up, or does not hold what is needed. */
export async function kafkaConnection(settings: Settings): Promise<KafkaConnection> {
  const [brokers, secret] = await Promise.all([brokersOf(settings), secretOf(settings)]);
  const { kafkaTls, kafkaAuth } = settings;
  const sasl = saslOf(settings, secret);
  return {
    brokers,
    clientId: `millrace.${settings.pipeline}`,
    ...(kafkaTls ? { tls: kafkaAuth === 'mtls' ? certificate(settings, secret) : true } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

async function brokersOf({ kafka, kafkaAuth, kafkaTls }: Settings): Promise<readonly string[]> {
  if ('brokers' in kafka) return kafka.brokers;
  const { clusterArn } = kafka;
  const { KafkaClient, GetBootstrapBrokersCommand } = await import('@aws-sdk/client-kafka');
  const client = new KafkaClient(clientSettings({ ...regionOf(clusterArn) }, PATIENCE));
  try {
    const answer = await client.send(new GetBootstrapBrokersCommand({ ClusterArn: clusterArn }));
    const found = answer[addressesFor(kafkaAuth, kafkaTls)];
    if (found) return found.split(',');
  } catch (thrown) {
    throw awsError(thrown, `cluster ${clusterArn}`, 'kafka:GetBootstrapBrokers');
  } finally {
    client.destroy();
  }
  throw new MillraceError(
    'unavailable',
    `the cluster ${clusterArn} has no addresses for authentication "${kafkaAuth}"`,
    {
      hint: 'switch it on at the cluster, or deploy with another authentication',
      retry: false,
    },
  );
}

type Addresses =
  | 'BootstrapBrokerString'
  | 'BootstrapBrokerStringTls'
  | 'BootstrapBrokerStringSaslIam'
  | 'BootstrapBrokerStringSaslScram';

/** Under which name MSK gives the addresses for a kind of access. */
function addressesFor(auth: KafkaAuth, tls: boolean): Addresses {
  switch (auth) {
    case 'iam':
      return 'BootstrapBrokerStringSaslIam';
    case 'scram-sha-512':
    case 'scram-sha-256':
    case 'plain':
      return 'BootstrapBrokerStringSaslScram';
    case 'mtls':
      return 'BootstrapBrokerStringTls';
    case 'none':
      return tls ? 'BootstrapBrokerStringTls' : 'BootstrapBrokerString';
  }
}

type Secret = Readonly<Record<string, unknown>>;

async function secretOf({ kafkaSecret }: Settings): Promise<Secret> {
  if (kafkaSecret === undefined) return {};
  const { SecretsManagerClient, GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient(clientSettings({ ...regionOf(kafkaSecret) }, PATIENCE));
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: kafkaSecret }));
    const value: unknown = JSON.parse(SecretString ?? 'null');
    if (typeof value === 'object' && value !== null) return value as Secret;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) {
      throw awsError(thrown, `secret ${kafkaSecret}`, 'secretsmanager:GetSecretValue');
    }
  } finally {
    client.destroy();
  }
  throw lacking(kafkaSecret, 'a JSON object');
}

function saslOf({ kafka, kafkaAuth, kafkaSecret }: Settings, secret: Secret): KafkaSasl | undefined {
  switch (kafkaAuth) {
    case 'none':
    case 'mtls':
      return undefined;
    case 'iam': {
      const arn = 'clusterArn' in kafka ? kafka.clusterArn : '';
      return { mechanism: 'aws-msk-iam', region: regionOf(arn).region ?? process.env.AWS_REGION ?? '' };
    }
    default:
      return {
        mechanism: kafkaAuth,
        username: field(secret, 'username', kafkaSecret),
        password: field(secret, 'password', kafkaSecret),
      };
  }
}

function certificate({ kafkaSecret }: Settings, secret: Secret): KafkaTls {
  const { privateKeyPassword } = secret;
  return {
    cert: field(secret, 'certificate', kafkaSecret),
    key: field(secret, 'privateKey', kafkaSecret),
    ...(typeof privateKeyPassword === 'string' ? { passphrase: privateKeyPassword } : {}),
  };
}

function field(secret: Secret, name: string, arn: string | undefined): string {
  const value = secret[name];
  if (typeof value === 'string') return value;
  throw lacking(arn, `a text "${name}"`);
}

const lacking = (arn: string | undefined, what: string): MillraceError =>
  new MillraceError('unavailable', `the secret ${arn} does not hold ${what}`, {
    hint: 'store it as event sources of Lambda want it: {"username": ..., "password": ...} or {"certificate": ..., "privateKey": ...}',
    retry: false,
  });

/** The region that an ARN names. */
function regionOf(arn: string): { readonly region?: string } {
  const region = arn.split(':')[3];
  return region === undefined || region === '' ? {} : { region };
}
