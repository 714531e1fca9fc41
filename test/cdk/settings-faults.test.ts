import { Duration } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { type MillracePipelineProps, mskCluster, selfManagedCluster } from '../../cdk/index.ts';
import { collection, pipeline, toMemory } from '../../lib/index.ts';
import { deployed, networkIn } from './template.ts';

/** What is said of settings that cannot be deployed. */
function said(props: Parameters<typeof deployed>[0]): string {
  try {
    deployed(props);
  } catch (error) {
    expect(error).toMatchObject({ kind: 'invalid-pipeline' });
    return (error as Error).message;
  }
  throw new Error('it was deployed');
}

describe('what cannot be deployed', () => {
  it('is said before anything is made, all of it', () => {
    const orders = pipeline('orders', (p) => p.source('orders', collection([1])).to('kept', toMemory()));
    expect(said({ pipeline: orders, sources: {}, sinks: {}, timeout: Duration.minutes(15) })).toMatch(
      /3 mistakes:\n {2}orders: this source is on no topic.*\n {2}kept: this sink.*\n {2}orders: its timeout/,
    );
  });

  it('names an id that the pipeline does not have', () => {
    expect(() => deployed({ sources: { klicks: { topic: 'a', partitions: 1 } } })).toThrow("no source 'klicks'");
  });

  it.each([
    [{ timeout: Duration.seconds(5) }, 'its timeout is 5 seconds'],
    [{ period: Duration.minutes(2) }, 'its period is 2 minutes'],
    [{ memorySize: 64 }, 'its memory is 64 MB'],
    [{ stageOptions: { busy: { batchSize: 20_000 } } }, 'busy: its deliveries have 20000 messages'],
    [{ stageOptions: { bussy: {} } }, "it has no stage 'bussy'; its stages are clicks, per-minute, busy"],
    [{ maxBatchingWindow: Duration.minutes(6) }, 'its messages are gathered for 6 minutes'],
    [{ maxBatchingWindow: Duration.millis(500) }, 'its messages are gathered for 500 millis'],
    [{ pollers: { minimum: 5, maximum: 2 } }, 'its pollers are at least 5 and at most 2'],
    [{ pollers: { minimum: 300 } }, 'it has at least 300 pollers'],
    [{ topicPrefix: 'a b' }, "its topics begin with 'a b'"],
    [{ topicPrefix: 'x'.repeat(200) }, 'its consumer group has a name of 2'],
    [{ environment: { MILLRACE_TABLE: 'mine' } }, 'its environment sets MILLRACE_TABLE'],
    [{ environment: { RULES: 'x'.repeat(3_000) } }, 'its environment has 3005 bytes, and beside our own there is room'],
    [
      { sources: { clicks: { topic: 'a', create: true } } },
      'clicks: its topic is to be made, and nobody says how large',
    ],
    [{ workers: { stages: ['busy'] } }, 'its workers stand in no network'],
    [{ workers: { stages: ['slow'] } }, "it has no stage 'slow'"],
  ] satisfies [Partial<MillracePipelineProps>, string][])('%#: $1', (props, message) => {
    expect(said(props)).toContain(message);
  });
});

describe('a cluster that cannot be used', () => {
  const arn = 'arn:aws:kafka:us-east-1:123456789012:cluster/events/0a-1';

  it('is in another region', () => {
    expect(said((stack) => ({ cluster: mskCluster({ clusterArn: arn, network: networkIn(stack) }) }))).toContain(
      'its cluster is in us-east-1, and the stack in eu-west-1',
    );
  });

  it('is none, knows no such authentication, or lacks its credentials', () => {
    const message = said((stack) => ({
      cluster: mskCluster({
        clusterArn: 'arn:aws:kafka:eu-west-1:123456789012:topic/events',
        network: { ...networkIn(stack), securityGroups: [] },
        ...{ kind: 'serverless', auth: 'scram-sha-512', topics: 'cloudformation' },
      }),
    }));
    for (const fault of [
      'is no ARN of a cluster',
      'MSK Serverless knows IAM only',
      'its authentication scram-sha-512 has no credentials',
      'CloudFormation makes no topics of MSK Serverless',
      'its network has no security groups',
    ]) {
      expect(message).toContain(fault);
    }
  });

  it('names no brokers, or some without a port, or is open to everybody', () => {
    expect(said({ cluster: selfManagedCluster({ brokers: [] }) })).toContain('it names no brokers');
    const open = said({
      cluster: selfManagedCluster({ brokers: ['b.example.com', 'c.example.com:9092'], auth: 'none' }),
    });
    expect(open).toContain('its brokers have no port: b.example.com');
    expect(open).toContain('it asks for no authentication and is in no VPC');
    expect(
      said({ cluster: selfManagedCluster({ brokers: ['b.example.com:9092'], auth: 'mtls', tls: false }) }),
    ).toMatch(
      /authentication mtls has no credentials; give a secret that holds certificate[\s\S]*mutual TLS is without TLS/,
    );
  });
});
