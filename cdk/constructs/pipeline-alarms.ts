import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IAlarmAction,
  type IMetric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import { metrics } from '../../lib/runtime/index.ts';
import { lagMetric, ownMetric } from './pipeline-metrics.ts';
import type { StageFunction } from './stage-function.ts';

export interface AlarmOptions {
  /** Told when an alarm goes off, and when it is over. @default - nobody; alarms can be looked at */
  readonly topic?: ITopic;
  /** What else is done when an alarm goes off. @default - nothing */
  readonly actions?: readonly IAlarmAction[];
  /** Messages that may wait before a stage for ten minutes on end; `false` for no such alarm. @default 100000 */
  readonly lag?: number | false;
}

export interface PipelineAlarmsProps extends AlarmOptions {
  readonly pipeline: string;
  readonly controller: { readonly deployed: StageFunction['deployed'] };
  /** By stage. */
  readonly stages: ReadonlyMap<string, StageFunction>;
  readonly workerStages: readonly string[];
}

const MINUTE = Duration.minutes(1);
const LAG = 100_000;

/** What an alarm makes of minutes without a value: functions and tasks at rest publish nothing. */
const { NOT_BREACHING: FINE, BREACHING: BAD } = TreatMissingData;

/**
 * Of what the controller says each minute while it is so. That it is over is not always said: the process that says so need not be the one that knew of it. A
 * controller that is silent has an alarm of its own.
 */
const SAID_LATELY = { evaluationPeriods: 5, datapointsToAlarm: 1 };

/** Alarms of a pipeline: two for its controller, one for code that cannot go on, and five for each stage, two where workers run it. Each costs ten cents a month. */
export class PipelineAlarms extends Construct {
  readonly all: readonly Alarm[];
  readonly #pipeline: string;

  constructor(scope: Construct, id: string, props: PipelineAlarmsProps) {
    super(scope, id);
    const { pipeline, controller, stages, workerStages, topic, actions = [], lag = LAG } = props;
    this.#pipeline = pipeline;
    const { function: pump } = controller.deployed;
    const alarms = [
      this.#alarm(
        'ControllerAtRest',
        'the controller has not run for five minutes: time stands still, and nobody is woken',
        {
          metric: pump.metricInvocations({ period: Duration.minutes(5) }),
          threshold: 1,
          comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
          treatMissingData: BAD,
        },
      ),
      this.#alarm('ControllerErrors', 'the controller fails: see its log, or millrace status', {
        metric: pump.metricErrors({ period: MINUTE }),
        evaluationPeriods: 5,
        datapointsToAlarm: 3,
      }),
      this.#alarm('CodeRefused', 'what was deployed cannot go on from the state that is there: older code goes on', {
        metric: ownMetric(pipeline, controllerMetrics.refused, undefined, { statistic: Stats.MAXIMUM }),
        ...SAID_LATELY,
      }),
    ];
    for (const [stage, made] of stages)
      alarms.push(this.#stopped(stage), this.#lagging(stage), ...this.#ofFunction(stage, made, lag));
    for (const stage of workerStages) alarms.push(this.#stopped(stage), this.#lagging(stage));
    const told = [...(topic === undefined ? [] : [new SnsAction(topic)]), ...actions];
    for (const alarm of alarms) {
      alarm.addAlarmAction(...told);
      if (topic !== undefined) alarm.addOkAction(new SnsAction(topic));
    }
    this.all = alarms;
  }

  #stopped(stage: string): Alarm {
    return this.#alarm(`${stage}Stopped`, `tasks of stage ${stage} have stopped: see millrace status`, {
      metric: this.#own(stage, controllerMetrics.stopped, Stats.MAXIMUM),
      ...SAID_LATELY,
    });
  }

  /** As the controller sees it: an event source does not know of what was acknowledged and not done. */
  #lagging(stage: string): Alarm {
    return this.#alarm(
      `${stage}Lagging`,
      `stage ${stage} has a backlog and does not get on, be it throttled, refused or at a loss: see its log`,
      {
        metric: this.#own(stage, controllerMetrics.lagging, Stats.MAXIMUM),
      },
    );
  }

  #ofFunction(stage: string, { deployed }: StageFunction, lag: number | false): readonly Alarm[] {
    const alarms = [
      this.#alarm(`${stage}DeadLetters`, `records of stage ${stage} were put aside: see millrace dead-letters`, {
        metric: this.#own(stage, metrics.deadLettered, Stats.SUM),
      }),
      this.#alarm(`${stage}Errors`, `calls of stage ${stage} fail: see its log`, {
        metric: deployed.function.metricErrors({ period: MINUTE }),
        evaluationPeriods: 5,
        datapointsToAlarm: 3,
      }),
    ];
    if (lag === false) return alarms;
    const what = `stage ${stage} does not keep up`;
    return [
      ...alarms,
      this.#alarm(`${stage}Lag`, what, { metric: lagMetric(deployed), threshold: lag, evaluationPeriods: 10 }),
    ];
  }

  #own(stage: string, name: string, statistic: string): IMetric {
    return ownMetric(this.#pipeline, name, stage, { statistic });
  }

  #alarm(
    id: string,
    what: string,
    options: { readonly metric: IMetric } & Partial<ConstructorParameters<typeof Alarm>[2]>,
  ): Alarm {
    return new Alarm(this, id, {
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: FINE,
      alarmDescription: `${this.#pipeline}: ${what}`,
      ...options,
    });
  }
}
