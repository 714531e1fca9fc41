import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type IVpc, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { afterAll } from 'vitest';
import {
  type KafkaNetwork,
  MillracePipeline,
  type MillracePipelineProps,
  selfManagedCluster,
} from '../../cdk/index.ts';
import { clicks } from './clicks/pipeline.ts';

export const entry = fileURLToPath(new URL('clicks/pipeline.ts', import.meta.url));

export const topics = {
  sources: { clicks: { topic: 'web-clicks', partitions: 6 } },
  sinks: { counts: { topic: 'page-counts' }, 'busy-pages': { topic: 'busy' } },
};

/** The code is not bundled. `strict`: CloudFormation's own rules count as errors, which takes seconds. */
export function newApp(strict = false): App {
  const outdir = mkdtempSync(join(tmpdir(), 'millrace-test-cdk-'));
  outdirs.push(outdir);
  const context = { '@aws-cdk/core:validateAgainstDefaultRules': strict, 'aws:cdk:bundling-stacks': [] };
  return new App({ outdir, context });
}

const outdirs: string[] = [];
afterAll(() => {
  for (const outdir of outdirs) rmSync(outdir, { recursive: true });
});

/** The template of a stack with the pipeline of clicks, or another. */
export function deployed(
  props: Partial<MillracePipelineProps> | ((stack: Stack) => Partial<MillracePipelineProps>) = {},
) {
  const isPlain = Object.keys(props).length === 0 && typeof props !== 'function';
  const stack = new Stack(newApp(isPlain), 'Clicks', { env: { account: '123456789012', region: 'eu-west-1' } });
  const deployment = new MillracePipeline(stack, 'Pipeline', {
    pipeline: clicks(),
    entry,
    cluster: selfManagedCluster({ brokers: ['b-1:9096', 'b-2:9096'] }),
    ...topics,
    ...(typeof props === 'function' ? props(stack) : props),
  });
  return { template: Template.fromStack(stack), deployment };
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

export type Resource = { readonly Properties: Readonly<Record<string, unknown>> };

export const resources = (template: Template, type: string): [string, Resource][] =>
  Object.entries(template.findResources(type)) as [string, Resource][];

/** A network for a cluster. */
export function networkIn(stack: Stack): KafkaNetwork {
  const vpc = new Vpc(stack, 'Vpc', { availabilityZones: ['eu-west-1a', 'eu-west-1b'] }) as IVpc;
  return { vpc, securityGroups: [new SecurityGroup(stack, 'Group', { vpc })] };
}

/** What the role of a function may do: each action with what it may be done to, as text. */
export function permissions(
  template: Template,
  construct: string,
): { readonly action: string; readonly resource: string }[] {
  const policies = ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']
    .flatMap((type) => resources(template, type))
    .filter(([id]) => id.startsWith(construct));
  return policies.flatMap(([, policy]) => {
    const { Statement } = policy.Properties['PolicyDocument'] as { readonly Statement: readonly Statement[] };
    return Statement.flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) =>
        [Resource].flat().map((resource) => ({
          action,
          resource: typeof resource === 'string' ? resource : JSON.stringify(resource),
        })),
      ),
    );
  });
}
