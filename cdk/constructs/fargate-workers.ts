import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  Cluster,
  type ContainerImage,
  ContainerInsights,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  type ICluster,
  LogDrivers,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { variables } from '../../functions/settings.ts';
import type { Plan, StagePlan } from '../../lib/plan/index.ts';
import { acknowledge } from './acknowledged.ts';
import type { KafkaCluster, KafkaNetwork } from './kafka-cluster.ts';
import { grantState, type IMillraceState, stateEnvironment } from './millrace-state.ts';
import type { FunctionSettings } from './pipeline-function.ts';
import type { TopicNames } from './topic-names.ts';

/** Stages that long-running workers run instead of functions: cheaper from a steady load of about a thousand records a second on, and with state that stays in memory. */
export interface WorkerOptions {
  /** Ids of the stages. */
  readonly stages: readonly string[];
  /** Units of processor: 256 to 16,384, of which 1,024 are one. @default 1024 */
  readonly cpu?: number;
  /** @default 2048 */
  readonly memoryLimitMiB?: number;
  /** How many workers share the stages. Two can take over from one another. @default 1 */
  readonly count?: number;
  /** @default - a cluster of its own */
  readonly ecsCluster?: ICluster;
  /** Where the workers stand. @default - where functions reach the brokers from */
  readonly network?: KafkaNetwork;
  /** Bytes of state kept for tasks that are not a worker's at the moment. @default - 128 MiB */
  readonly warmBytes?: number;
}

export interface FargateWorkersProps extends WorkerOptions {
  readonly plan: Plan;
  readonly names: TopicNames;
  readonly image: ContainerImage;
  readonly cluster: KafkaCluster;
  readonly state: IMillraceState;
  readonly settings: FunctionSettings;
  readonly environment: Readonly<Record<string, string>>;
  readonly network: KafkaNetwork;
}

/** A service of workers on Fargate, of the bundle that the functions have, in an image that Docker builds when the stack is deployed. Its stages have no event source, and the controller does not ring them. */
export class FargateWorkers extends Construct {
  readonly service: FargateService;
  readonly taskDefinition: FargateTaskDefinition;

  constructor(scope: Construct, id: string, props: FargateWorkersProps) {
    super(scope, id);
    const { plan, names, cluster, state, settings, network, cpu = 1_024, memoryLimitMiB = 2_048, count = 1 } = props;
    const stages = plan.stages.filter((stage: StagePlan) => props.stages.includes(stage.id));
    this.taskDefinition = new FargateTaskDefinition(this, 'Task', {
      ...{ cpu, memoryLimitMiB },
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
    });
    const { taskRole } = this.taskDefinition;
    acknowledge(this.taskDefinition, 'AwsSolutions-ECS2');
    grantState(state, taskRole, 'worker');
    const told = cluster.connect(taskRole, names.useOfWorkers(stages));
    const logGroup = new LogGroup(this, 'Log', {
      retention: settings.logRetention,
      removalPolicy: settings.keepLogs ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.taskDefinition.addContainer('Worker', {
      image: props.image,
      logging: LogDrivers.awsLogs({ logGroup, streamPrefix: plan.pipeline }),
      readonlyRootFilesystem: true,
      // As long as ECS allows: an old worker goes on up to where newer code takes over.
      stopTimeout: Duration.minutes(2),
      environment: {
        ...props.environment,
        ...told,
        ...stateEnvironment(state),
        [variables.pipeline]: plan.pipeline,
        [variables.workerStages]: stages.map((stage) => stage.id).join(','),
        ...(props.warmBytes === undefined ? {} : { [variables.warmBytes]: String(props.warmBytes) }),
      },
    });
    const { vpc, vpcSubnets, securityGroups } = network;
    const { ecsCluster = newCluster(this, network) } = props;
    this.service = new FargateService(this, 'Service', {
      cluster: ecsCluster,
      taskDefinition: this.taskDefinition,
      desiredCount: count,
      // Newer code is there before older code ends: they hand over to one another.
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { rollback: true },
      securityGroups: [...securityGroups],
      vpcSubnets: vpcSubnets ?? { subnets: vpc.privateSubnets },
    });
  }
}

const newCluster = (scope: Construct, { vpc }: KafkaNetwork): ICluster =>
  new Cluster(scope, 'Cluster', { vpc, containerInsightsV2: ContainerInsights.ENABLED }) as ICluster;
