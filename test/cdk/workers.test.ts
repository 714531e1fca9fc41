import { Match } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import { selfManagedCluster } from '../../cdk/index.ts';
import { deployed, networkIn, permissions, resources } from './template.ts';

const { template, deployment } = deployed((stack) => ({
  cluster: selfManagedCluster({ brokers: ['b-1.example.com:9092'], network: networkIn(stack) }),
  workers: { stages: ['busy'], count: 2 },
}));

it('stages of workers have no function and no event source, and the controller rings none', () => {
  expect([...deployment.stages.keys()]).toEqual(['clicks', 'per-minute']);
  template.resourceCountIs('AWS::Lambda::EventSourceMapping', 2);
  const [, controller] = resources(template, 'AWS::Lambda::Function').find(
    ([, { Properties }]) => Properties['Handler'] === 'controller.handler',
  )!;
  const { Variables } = controller.Properties['Environment'] as { readonly Variables: Record<string, unknown> };
  expect(Variables['MILLRACE_WORKER_STAGES']).toBe('busy');
  expect(JSON.stringify(Variables['MILLRACE_FUNCTIONS'])).toMatch(/,""?\]|","\]/);
});

it('a service runs them, on the same state, and hands over from older code to newer', () => {
  template.hasResourceProperties('AWS::ECS::Service', {
    DesiredCount: 2,
    LaunchType: 'FARGATE',
    DeploymentConfiguration: Match.objectLike({ MinimumHealthyPercent: 100, MaximumPercent: 200 }),
  });
  const [[, task]] = resources(template, 'AWS::ECS::TaskDefinition') as [
    [string, { readonly Properties: Record<string, unknown> }],
  ];
  expect(task.Properties).toMatchObject({
    Cpu: '1024',
    Memory: '2048',
    RuntimePlatform: { CpuArchitecture: 'ARM64' },
    ContainerDefinitions: [
      {
        Environment: expect.arrayContaining([
          { Name: 'MILLRACE_WORKER_STAGES', Value: 'busy' },
          { Name: 'MILLRACE_PIPELINE', Value: 'clicks' },
        ]),
      },
    ],
  });
  const may = permissions(template, 'PipelineWorkersTaskTaskRole').map(({ action }) => action);
  expect(may).toEqual(expect.arrayContaining(['dynamodb:PutItem', 's3:PutObject', 's3:DeleteObject']));
  expect(may).not.toContain('lambda:InvokeFunction');
});

it('alarms watch them through the controller', () => {
  const alarms = resources(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
  const ofStage = alarms.filter(({ Dimensions }) => JSON.stringify(Dimensions).includes('"busy"'));
  expect(ofStage.map(({ MetricName }) => MetricName).sort()).toEqual([
    'millrace.tasks.lagging',
    'millrace.tasks.stopped',
  ]);
});
