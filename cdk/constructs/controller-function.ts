import { Duration, Fn } from 'aws-cdk-lib';
import type { Code, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import { variables } from '../../functions/settings.ts';
import type { Plan } from '../../lib/plan/index.ts';
import { handlers } from './code-bundle.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { pipelineFunction } from './pipeline-function.ts';
import type { StageFunction } from './stage-function.ts';
import type { StateStore } from './state-store.ts';
import { internalTopics, sourceTopics } from './topic-names.ts';

export interface ControllerFunctionProps {
  readonly plan: Plan;
  readonly code: Code;
  readonly cluster: KafkaCluster;
  readonly state: StateStore;
  /** In the order of the plan's stages. */
  readonly stages: readonly StageFunction[];
}

/** The pump: a function called every minute, which keeps time moving where sources are silent and wakes tasks that nobody else wakes. */
export class ControllerFunction extends Construct {
  readonly function: LambdaFunction;
  readonly schedule: Schedule;

  constructor(scope: Construct, id: string, props: ControllerFunctionProps) {
    super(scope, id);
    const { plan, code, cluster, state, stages } = props;
    this.function = pipelineFunction(this, 'Function', {
      ...{ code, network: cluster.network },
      handler: handlers.controller,
      description: `${plan.pipeline}: controller`,
      memorySize: 512,
      timeout: Duration.minutes(2),
      environment: {
        [variables.pipeline]: plan.pipeline,
        [variables.functions]: Fn.join(
          ',',
          stages.map((stage) => stage.function.functionName),
        ),
      },
    });
    for (const stage of stages) stage.function.grantInvoke(this.function);
    state.bind(this.function, 'controller');
    const own = internalTopics(plan);
    cluster.bind(this.function, { reads: sourceTopics(plan), writes: own, creates: own }, undefined);
    this.schedule = new Schedule(this, 'Schedule', {
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      description: `${plan.pipeline}: wakes the controller`,
      // The next minute's call does what this one did not.
      target: new LambdaInvoke(this.function, { retryAttempts: 0, maxEventAge: Duration.minutes(1) }),
    });
  }
}
