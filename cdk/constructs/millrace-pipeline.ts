import { resolve } from 'node:path';
import { CfnOutput, Duration, Stack, Token } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct, type IDependable } from 'constructs';
import { controllerMetrics } from '../../functions/controller-metrics.ts';
import { variables } from '../../functions/settings.ts';
import { bindTopics } from '../../functions/topics.ts';
import type { Pipeline } from '../../lib/pipeline/index.ts';
import { invalidPipeline, type Plan, type StagePlan } from '../../lib/plan/index.ts';
import { metrics } from '../../lib/runtime/index.ts';
import { CodeBundle } from './code-bundle.ts';
import { codeHashes } from './code-hashes.ts';
import { ControllerFunction } from './controller-function.ts';
import { FargateWorkers, type FargateWorkersProps, type WorkerOptions } from './fargate-workers.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { grantState, type IMillraceState, MillraceState } from './millrace-state.ts';
import { ModuleGraph } from './module-graph.ts';
import { boundTopics, type DeployedSinks, type DeployedSources, outerTopics } from './outer-topics.ts';
import { type AlarmOptions, PipelineAlarms } from './pipeline-alarms.ts';
import { PipelineDashboard } from './pipeline-dashboard.ts';
import type { FunctionSettings } from './pipeline-function.ts';
import { lagMetric, METRICS_NAMESPACE, ownMetric } from './pipeline-metrics.ts';
import { PipelineTopics } from './pipeline-topics.ts';
import { settingsFaults } from './settings-faults.ts';
import { StageFunction, type StageOptions } from './stage-function.ts';
import { TopicNames } from './topic-names.ts';

/** How all stages are deployed, where `stageOptions` says nothing else of one. */
export interface MillracePipelineProps extends StageOptions {
  readonly pipeline: Pipeline;
  /** The module whose default export is the pipeline, from which the functions' code is bundled. */
  readonly entry: string;
  /** Where its topics are. */
  readonly cluster: KafkaCluster;
  /** Topics of sources, by id. @default - sources have a topic by themselves */
  readonly sources?: DeployedSources;
  /** Topics of sinks, by id. @default - sinks have a topic by themselves */
  readonly sinks?: DeployedSinks;
  /** Where state is: best a `MillraceState` in a stack of its own, whose life is not that of the code. @default - one is made in this stack, and stays when the stack goes */
  readonly state?: IMillraceState;
  /** Stands before the names of the pipeline's own topics, consumer groups and transactions, for several deployments on one cluster. @default - nothing */
  readonly topicPrefix?: string;
  /** Whether the topics between stages go with the stack, and all that is in them. @default false */
  readonly destroyTopics?: boolean;
  /** What is different for single stages, by id. */
  readonly stageOptions?: Readonly<Record<string, StageOptions>>;
  /** Time that a delivery may take, 10 seconds to 14 minutes. A source stands still for about as long while its code changes. @default 60 seconds */
  readonly timeout?: Duration;
  /** From one round of the controller to the next, 1 to 60 seconds: how soon time goes on where sources are silent. Below a minute the controller runs all the time, for about 17 dollars a month. @default 1 minute */
  readonly period?: Duration;
  /** Environment variables for the stages' code. @default - none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Traces of calls in X-Ray. @default false */
  readonly tracing?: boolean;
  /** @default ONE_MONTH */
  readonly logRetention?: RetentionDays;
  /** Whether logs stay when the stack is deleted. @default false */
  readonly keepLogs?: boolean;
  /** Stages that a service of long-running workers runs instead of functions. @default - none */
  readonly workers?: WorkerOptions;
  /** Ten cents a month each, five for each stage and three more; `false` for none. @default - alarms that tell nobody */
  readonly alarms?: AlarmOptions | false;
  /** A dashboard in CloudWatch: three dollars a month, from an account's fourth on. @default false */
  readonly dashboard?: boolean;
}

/**
 * A deployed pipeline: one function for each stage of its plan, the topics between them, state in a table and a bucket, and a controller on a schedule.
 * Throws `invalid-pipeline` with every source and sink that is on no topic, and all else that cannot be deployed.
 */
export class MillracePipeline extends Construct {
  /** The plan on the deployment's topics. */
  readonly plan: Plan;
  readonly state: IMillraceState;
  /** Functions by stage. */
  readonly stages: ReadonlyMap<string, LambdaFunction>;
  readonly controller: LambdaFunction;
  /** The service of workers, if some stages are theirs. */
  readonly workers: FargateWorkers | undefined;
  readonly alarms: PipelineAlarms | undefined;
  readonly dashboard: PipelineDashboard | undefined;
  readonly #controller: ControllerFunction;
  readonly #stages: ReadonlyMap<string, StageFunction>;

  constructor(scope: Construct, id: string, props: MillracePipelineProps) {
    super(scope, id);
    const { entry, cluster, sources = {}, sinks = {}, topicPrefix = '', stageOptions = {} } = props;
    const { timeout = Duration.seconds(60), period = Duration.minutes(1), environment = {} } = props;
    const topics = boundTopics(sources, sinks);
    const bound = bindTopics(props.pipeline, topics);
    const modules = new ModuleGraph(resolve(entry));
    const hashes = codeHashes(bound, modules);
    const { plan } = bound.withCode(hashes);
    const { region } = Stack.of(this);
    const faults = [
      ...settingsFaults({
        ...{ plan, cluster, sources, sinks, timeout, period, topicPrefix, stageOptions, environment },
        ...{ defaults: props, workers: props.workers },
        region: Token.isUnresolved(region) ? undefined : region,
      }),
    ];
    if (faults.length > 0) throw invalidPipeline(plan.pipeline, faults);

    this.plan = plan;
    this.state = props.state ?? new MillraceState(this, 'State');
    const code = new CodeBundle(this, 'Code', { plan, entry, modules, topics, hashes });
    const names = new TopicNames(plan, topicPrefix);
    const settings = functionSettings(props);
    const common = {
      ...{ plan, names, cluster, state: this.state, settings },
      environment: { ...environment, ...ownEnvironment(plan, topicPrefix, settings) },
    };
    const own = new PipelineTopics(this, 'Topics', {
      ...common,
      pipeline: plan.pipeline,
      outer: outerTopics(plan, sources, sinks),
      code: code.topics,
      destroy: props.destroyTopics ?? false,
    });
    const folder = new Construct(this, 'Stages');
    const inWorkers = new Set(props.workers?.stages);
    const made = plan.stages.filter(({ id: stage }) => !inWorkers.has(stage));
    const stages = made.map((stage: StagePlan) => {
      const deployed = new StageFunction(folder, stage.id, {
        ...common,
        ...{ stage, timeout, code: code.stage(stage) },
        ...optionsOf(props, stageOptions[stage.id]),
      });
      deployed.eventSource.node.addDependency(own);
      return deployed;
    });
    this.#stages = new Map(stages.map((stage) => [stage.node.id, stage]));
    this.#controller = new ControllerFunction(this, 'Controller', {
      ...{ ...common, stages: this.#stages, period },
      stageTimeout: timeout,
      code: code.controller,
    });
    this.#controller.schedule.node.addDependency(own);
    this.workers = this.#workersOf(props, { ...common, image: code.image() }, own);
    this.stages = new Map([...this.#stages].map(([stage, { deployed }]) => [stage, deployed.function]));
    this.controller = this.#controller.deployed.function;
    const watched = { pipeline: plan.pipeline, controller: this.#controller, stages: this.#stages };
    this.alarms =
      props.alarms === false
        ? undefined
        : new PipelineAlarms(this, 'Alarms', { ...watched, ...props.alarms, workerStages: [...inWorkers] });
    this.dashboard = props.dashboard === true ? new PipelineDashboard(this, 'Dashboard', watched) : undefined;
    this.#output();
  }

  /** Lets somebody look at state where it is stored. */
  grantReadState(grantee: IGrantable): void {
    grantState(this.state, grantee, 'reader');
  }

  /** Lets somebody operate the pipeline: `millrace status`, `pause`, `resume`, `replay`, `stop` and the rest with `--deployment`. */
  grantOperate(grantee: IGrantable): void {
    this.#controller.grantInvoke(grantee);
  }

  /** A metric of millrace's own, of a stage or of the whole pipeline. */
  metric(name: string, stage?: string, options?: MetricOptions): Metric {
    return ownMetric(this.plan.pipeline, name, stage, options);
  }

  /** Tasks of a stage that have stopped and need somebody. */
  metricStopped(stage: string, options?: MetricOptions): Metric {
    return this.metric(controllerMetrics.stopped, stage, { statistic: 'Maximum', ...options });
  }

  /** Records of a stage that were put aside. */
  metricDeadLetters(stage: string, options?: MetricOptions): Metric {
    return this.metric(metrics.deadLettered, stage, options);
  }

  /** Messages that wait for a stage. Throws `invalid-pipeline` for a stage that has no function. */
  metricLag(stage: string, options?: MetricOptions): Metric {
    const found = this.#stages.get(stage);
    if (found !== undefined) return lagMetric(found.deployed, options);
    throw invalidPipeline(this.plan.pipeline, [
      { operator: stage, rule: 'no function has this name', fix: `use one of ${[...this.#stages.keys()].join(', ')}` },
    ]);
  }

  #workersOf(
    { workers, cluster }: MillracePipelineProps,
    common: Omit<FargateWorkersProps, keyof WorkerOptions>,
    after: IDependable,
  ): FargateWorkers | undefined {
    const network = workers?.network ?? cluster.network;
    if (workers === undefined || network === undefined) return undefined;
    const made = new FargateWorkers(this, 'Workers', { ...common, ...workers, network });
    made.service.node.addDependency(after);
    return made;
  }

  /** What the command line finds the deployment by. */
  #output(): void {
    const { pipeline } = this.plan;
    new CfnOutput(this, 'ControllerFunction', {
      value: this.#controller.deployed.live.functionArn,
      description: `${pipeline}: the controller, which carries out what millrace is told with --deployment`,
    });
    new CfnOutput(this, 'CommitsTable', { value: this.state.table.tableName, description: `${pipeline}: its commits` });
    new CfnOutput(this, 'SnapshotsBucket', {
      value: this.state.bucket.bucketName,
      description: `${pipeline}: its snapshots`,
    });
  }
}

const MEMORY = 1_769;

function functionSettings(props: MillracePipelineProps): FunctionSettings {
  const { cluster, logRetention = RetentionDays.ONE_MONTH, keepLogs = false, tracing = false } = props;
  return { network: cluster.network, logRetention, keepLogs, tracing };
}

const ownEnvironment = (
  { pipeline }: Plan,
  topicPrefix: string,
  { tracing }: FunctionSettings,
): Record<string, string> => ({
  POWERTOOLS_SERVICE_NAME: pipeline,
  POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
  POWERTOOLS_TRACE_ENABLED: String(tracing),
  ...(topicPrefix === '' ? {} : { [variables.topicPrefix]: topicPrefix }),
});

/** What is said of one stage, else of all. */
function optionsOf(all: StageOptions, one: StageOptions = {}): StageOptions & { readonly memorySize: number } {
  const { batchSize, maxBatchingWindow, pollers, enabled, memorySize = MEMORY, warmBytes, reservedConcurrency } = all;
  const given = { batchSize, maxBatchingWindow, pollers, enabled, warmBytes, reservedConcurrency };
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { memorySize, ...Object.fromEntries(said), ...one };
}
