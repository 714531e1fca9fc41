import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { PipelineFunction } from './pipeline-function.ts';

/** Where functions publish what they count and measure. The only dimensions are the pipeline and, mostly, the stage: each pair of them costs. */
export const METRICS_NAMESPACE = 'millrace';

const PERIOD = Duration.minutes(1);

/** A metric of millrace's own. */
export const ownMetric = (
  pipeline: string,
  name: string,
  stage: string | undefined,
  options: MetricOptions = {},
): Metric =>
  new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: name,
    dimensionsMap: { pipeline, ...(stage === undefined ? {} : { stage }) },
    period: PERIOD,
    statistic: Stats.SUM,
    ...options,
  });

/** How many messages of a stage's topic wait, as its event source says. */
export const lagMetric = ({ function: fn }: PipelineFunction, options: MetricOptions = {}): Metric =>
  fn.metric('OffsetLag', { period: PERIOD, statistic: Stats.MAXIMUM, ...options });
