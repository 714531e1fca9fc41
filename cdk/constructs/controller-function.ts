import { Duration, Fn } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import { variables } from '../../functions/settings.ts';
import type { Plan } from '../../lib/plan/index.ts';
import { acknowledgeWildcards } from './acknowledged.ts';
import { handlers } from './code-bundle.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { grantState, type IMillraceState, stateEnvironment } from './millrace-state.ts';
import { callOnce, type FunctionSettings, PipelineFunction } from './pipeline-function.ts';
import type { StageFunction } from './stage-function.ts';
import type { TopicNames } from './topic-names.ts';

export interface ControllerFunctionProps {
  readonly plan: Plan;
  readonly names: TopicNames;
  readonly code: Code;
  readonly cluster: KafkaCluster;
  readonly state: IMillraceState;
  readonly settings: FunctionSettings;
  readonly environment: Readonly<Record<string, string>>;
  /** By stage; those that workers run are missing. */
  readonly stages: ReadonlyMap<string, StageFunction>;
  /** Time limit of the stages' functions. */
  readonly stageTimeout: Duration;
  /** From one round to the next. */
  readonly period: Duration;
}

const MINUTE = Duration.minutes(1);

/** The pump: a function called every minute, which keeps time moving where sources are silent, wakes tasks that nobody else wakes, changes code, and carries out what people ask. */
export class ControllerFunction extends Construct {
  readonly deployed: PipelineFunction;
  readonly schedule: Schedule;

  constructor(scope: Construct, id: string, props: ControllerFunctionProps) {
    super(scope, id);
    const workerStages = props.plan.stages.flatMap((stage) => (props.stages.has(stage.id) ? [] : [stage.id]));
    const { plan, names, code, cluster, state, settings, stages, stageTimeout, period } = props;
    this.deployed = new PipelineFunction(this, 'Function', {
      ...settings,
      code,
      handler: handlers.controller,
      description: `${plan.pipeline}: controller`,
      memorySize: 512,
      timeout: Duration.minutes(2),
      environment: {
        ...props.environment,
        [variables.pipeline]: plan.pipeline,
        [variables.functions]: Fn.join(
          ',',
          plan.stages.map(({ id: stage }) => nameOf(stages.get(stage))),
        ),
        [variables.timeout]: String(stageTimeout.toSeconds()),
        [variables.period]: String(period.toSeconds()),
        ...(workerStages.length === 0 ? {} : { [variables.workerStages]: workerStages.join(',') }),
        ...stateEnvironment(state),
      },
    });
    const { role, function: controller } = this.deployed;
    grantState(state, role, 'controller');
    const told = cluster.connect(role, names.useOfController());
    for (const [name, value] of Object.entries(told)) controller.addEnvironment(name, value);
    const called = [...[...stages.values()].map(({ deployed }) => deployed.function), controller];
    const resources = called.map(({ functionArn }) => `${functionArn}:*`);
    // One of its own: thirty functions would crowd the rest out of what a role itself may hold.
    const policy = new ManagedPolicy(this, 'RingStages', {
      roles: [role],
      statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources })],
    });
    acknowledgeWildcards(policy, resources);
    this.deployed.live.configureAsyncInvoke(callOnce);
    this.schedule = new Schedule(this, 'Schedule', {
      schedule: ScheduleExpression.rate(MINUTE),
      description: `${plan.pipeline}: wakes the controller`,
      // The next minute's call does what this one did not.
      target: new LambdaInvoke(this.deployed.live, { retryAttempts: 0, maxEventAge: MINUTE }),
    });
  }

  /** Lets somebody call the controller, which does what the commands of the command line ask. */
  grantInvoke(grantee: IGrantable): void {
    this.deployed.live.grantInvoke(grantee);
  }
}

/** Nothing where no function runs the stage. */
const nameOf = (stage: StageFunction | undefined): string => {
  if (stage === undefined) return '';
  const { function: fn, version } = stage.deployed;
  return `${fn.functionName}:${version.version}`;
};
