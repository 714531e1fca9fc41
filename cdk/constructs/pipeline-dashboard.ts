import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, type IMetric, Stats, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import { metrics } from '../../lib/runtime/index.ts';
import { lagMetric, ownMetric } from './pipeline-metrics.ts';
import type { StageFunction } from './stage-function.ts';

export interface PipelineDashboardProps {
  readonly pipeline: string;
  readonly controller: { readonly deployed: StageFunction['deployed'] };
  readonly stages: ReadonlyMap<string, StageFunction>;
}

/** One page on a pipeline: what waits, what goes through, what failed. */
export class PipelineDashboard extends Construct {
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, { pipeline, controller, stages }: PipelineDashboardProps) {
    super(scope, id);
    const of = (make: (stage: string, each: StageFunction) => IMetric): IMetric[] =>
      [...stages].map(([stage, each]) => make(stage, each));
    const own = (name: string, statistic: string = Stats.SUM): IMetric[] =>
      of((stage) => ownMetric(pipeline, name, stage, { label: stage, statistic }));
    const graph = (title: string, left: IMetric[], right: IMetric[] = []): GraphWidget =>
      new GraphWidget({ title, left, right, width: 12 });
    const { function: pump } = controller.deployed;
    this.dashboard = new Dashboard(this, 'Resource', { defaultInterval: Duration.hours(3) });
    this.dashboard.addWidgets(
      new TextWidget({ markdown: `# ${pipeline}\n\`millrace status\` says more of each task.`, width: 24, height: 2 }),
    );
    this.dashboard.addWidgets(
      graph(
        'Messages that wait',
        of((label, { deployed }) => lagMetric(deployed, { label })),
      ),
      graph('Stopped and lagging tasks', [
        ...own(controllerMetrics.stopped, Stats.MAXIMUM),
        ...own(controllerMetrics.lagging, Stats.MAXIMUM),
      ]),
    );
    this.dashboard.addWidgets(
      graph('Records taken', own(metrics.recordsIn)),
      graph('Records put aside', own(metrics.deadLettered)),
    );
    this.dashboard.addWidgets(
      graph(
        'Calls',
        of((label, { deployed }) => deployed.function.metricInvocations({ label })),
      ),
      graph(
        'Time of calls',
        of((label, { deployed }) => deployed.function.metricDuration({ label, statistic: 'p95' })),
      ),
    );
    this.dashboard.addWidgets(
      graph(
        'Failed and refused calls',
        of((label, { deployed }) => deployed.function.metricErrors({ label })),
        of((label, { deployed }) => deployed.function.metricThrottles({ label: `${label} refused` })),
      ),
      graph('Controller', [pump.metricInvocations(), pump.metricErrors()], [pump.metricDuration()]),
    );
  }
}
