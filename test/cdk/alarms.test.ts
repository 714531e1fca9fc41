import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import { deployed, resources } from './template.ts';

const { template, deployment } = deployed((stack) => ({
  alarms: { topic: new Topic(stack, 'Told') },
  dashboard: true,
}));
const alarms = resources(template, 'AWS::CloudWatch::Alarm').map(([id, { Properties }]) => ({ id, ...Properties }));
const named = (id: string) => alarms.find((alarm) => alarm.id.startsWith(`PipelineAlarms${id}`));

describe('alarms', () => {
  it('are three for the controller and five for each stage, and tell whom they are to tell', () => {
    expect(alarms).toHaveLength(3 + 5 * 3);
    for (const alarm of alarms)
      expect(alarm).toMatchObject({ AlarmActions: [expect.anything()], OKActions: [expect.anything()] });
  });

  it('go off where the controller is silent', () => {
    expect(named('ControllerAtRest')).toMatchObject({
      MetricName: 'Invocations',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
    });
  });

  it('take silence of stages at rest for health', () => {
    for (const id of [
      'perminuteDeadLetters',
      'perminuteErrors',
      'perminuteLagging',
      'perminuteLag',
      'ControllerErrors',
    ]) {
      expect(named(id)).toMatchObject({ TreatMissingData: 'notBreaching' });
    }
  });

  it('stay on while the controller says each minute that a task is stopped or code refused, and not for ever after', () => {
    const lately = { EvaluationPeriods: 5, DatapointsToAlarm: 1, TreatMissingData: 'notBreaching' };
    expect(named('busyStopped')).toMatchObject({
      Namespace: 'millrace',
      MetricName: controllerMetrics.stopped,
      Dimensions: [
        { Name: 'pipeline', Value: 'clicks' },
        { Name: 'stage', Value: 'busy' },
      ],
      ...lately,
    });
    expect(named('CodeRefused')).toMatchObject({ MetricName: controllerMetrics.refused, ...lately });
  });

  it('can be left out, one or all', () => {
    const none = deployed({ alarms: false });
    none.template.resourceCountIs('AWS::CloudWatch::Alarm', 0);
    none.template.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
    expect(none.deployment.alarms).toBeUndefined();
    deployed({ alarms: { lag: false } }).template.resourceCountIs('AWS::CloudWatch::Alarm', 3 + 4 * 3);
  });
});

describe('metrics', () => {
  it('have the pipeline and the stage for dimensions and nothing else', () => {
    for (const metric of [deployment.metricStopped('busy'), deployment.metricDeadLetters('busy')]) {
      expect(metric.dimensions).toEqual({ pipeline: 'clicks', stage: 'busy' });
    }
    expect(deployment.metricLag('busy').metricName).toBe('OffsetLag');
    expect(() => deployment.metricLag('bussy')).toThrow('use one of clicks, per-minute, busy');
  });

  it('stand on a dashboard, if one is wanted', () => {
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
  });
});
