/** A pipeline deployed by the CDK to a local AWS, on topics of a real Kafka, with millrace's event source in the place of Lambda's. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { type CdkApp, deployApp, destroyApp } from '../../cli/cdk-toolkit.ts';
import { loadPipeline } from '../../cli/load-pipeline.ts';
import { awsAt, type LocalCloud, variablesFor } from '../../cli/local-cloud.ts';
import { shareMillrace } from '../../cli/package-root.ts';
import { pipelineTopics } from '../../cli/pipeline-topics.ts';
import { KafkaClient } from '../../lib/adapters/kafka/index.ts';
import { type Habits, type News, StackEventSource } from '../../lib/local/index.ts';
import { type Duration, partitionOf, seconds } from '../../lib/model/index.ts';
import { committedValues } from '../../scripts/flights-demo.ts';
import { locked } from '../../scripts/services/service.ts';
import { useMinistack } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';
import type { UsableService } from '../services/run-service.ts';

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const pipelines = fileURLToPath(new URL('pipelines', import.meta.url));

/** The cloud that the tests of a run share, or why there is none. */
export async function useCloud(): Promise<
  UsableService<LocalCloud & { readonly address: string; readonly pid: number }>
> {
  const [kafka, aws] = await Promise.all([useKafka(), useMinistack()]);
  const missing =
    kafka.missing ?? aws.missing ?? (process.platform === 'linux' ? undefined : 'workers are found in /proc');
  if (missing !== undefined) return { missing };
  const folder = join(inject('services'), 'ministack');
  const { pid } = JSON.parse(readFileSync(join(folder, 'process.json'), 'utf8')) as { readonly pid: number };
  const { address } = aws.running!;
  return { running: { address, endpoint: address, kafka: kafka.running!.address, pid } };
}

export interface DeployOptions {
  /** Partitions of the topics of sources and sinks. Default: 2. */
  readonly partitions?: number;
  readonly context?: Readonly<Record<string, string>>;
  readonly habits?: Partial<Habits>;
  /** Between calls of the controller. Default: two seconds. */
  readonly schedule?: Duration;
}

export class Deployment {
  readonly name: string;
  readonly client: KafkaClient;
  readonly news: News[] = [];
  readonly #cloud: LocalCloud & { readonly pid: number };
  readonly #options: DeployOptions;
  #app: CdkApp;
  #events: StackEventSource | undefined;
  stacks: readonly string[] = [];

  /** Makes the topics, deploys, and begins to deliver. `file`: of a pipeline beside these tests. */
  static async deploy(
    cloud: LocalCloud & { readonly pid: number },
    file: string,
    options: DeployOptions = {},
  ): Promise<Deployment> {
    shareMillrace();
    const { pipeline } = await loadPipeline(join(pipelines, file));
    const deployment = new Deployment(cloud, pipeline.name, file, options);
    const { sources, sinks } = pipelineTopics(pipeline);
    for (const name of [...sources.values(), ...sinks.values()]) {
      const settings = { 'retention.ms': '-1' };
      await deployment.client.ensureTopic({ name, partitions: options.partitions ?? 2, replicas: 1, settings });
    }
    await deployment.redeploy(file);
    await deployment.listen(options.habits);
    return deployment;
  }

  private constructor(
    cloud: LocalCloud & { readonly pid: number },
    name: string,
    file: string,
    options: DeployOptions,
  ) {
    this.name = name;
    this.#cloud = cloud;
    this.#options = options;
    this.client = new KafkaClient({ brokers: [cloud.kafka] });
    this.#app = this.#appOf(file);
  }

  #appOf(file: string): CdkApp {
    const { partitions = 2, context = {} } = this.#options;
    return {
      folder: join(inject('services'), 'cdk', this.name),
      cloud: this.#cloud,
      context: {
        ...{ pipeline: join(pipelines, file), brokers: this.#cloud.kafka, partitions: String(partitions) },
        ...{ removal: 'destroy', timeout: '10' },
        ...context,
      },
    };
  }

  /** Deploys another file's code over what there is. */
  async redeploy(file: string): Promise<void> {
    this.#app = this.#appOf(file);
    const shared = join(inject('services'), 'cdk');
    await mkdir(shared, { recursive: true });
    // Two at once would both bootstrap.
    this.stacks = await locked(join(shared, 'lock'), () => deployApp(this.#app));
  }

  /** Delivers what comes, with these habits. */
  async listen(habits: Partial<Habits> = {}): Promise<void> {
    await this.#events?.stop();
    this.#events = await StackEventSource.open({
      ...{ stacks: this.stacks, aws: awsAt(this.#cloud.endpoint), kafka: { brokers: [this.#cloud.kafka] }, habits },
      schedule: this.#options.schedule ?? seconds(2),
      refresh: seconds(2),
      concurrency: 3,
      tell: (news) => this.news.push(news),
    });
  }

  /** How many event source mappings it has: one for each stage. */
  get mappings(): number {
    return this.#events?.mappings.length ?? 0;
  }

  topic(id: string): string {
    return `${this.name}-${id}`;
  }

  /** Appends rows to a source's topic, by their keys. */
  async feed(id: string, rows: readonly (readonly [key: string, row: unknown])[]): Promise<void> {
    const partitions = this.#options.partitions ?? 2;
    for (let from = 0; from < rows.length; from += 500) {
      await this.client.append(
        rows.slice(from, from + 500).map(([key, row]) => ({
          topic: this.topic(id),
          partition: partitionOf(key, partitions),
          record: {
            key: Buffer.from(key),
            value: row instanceof Uint8Array ? row : Buffer.from(JSON.stringify(row)),
          },
        })),
      );
    }
  }

  /** What a reader of committed records finds in a sink's topic. */
  results<T>(id: string): Promise<readonly T[]> {
    return committedValues(this.client, this.topic(id)) as Promise<readonly T[]>;
  }

  /** A command of millrace about this deployment. What it printed. */
  async millrace(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [cli, ...args, '--deployment', this.stacks.at(-1)!],
      {
        env: { ...process.env, ...variablesFor(this.#cloud) },
      },
    );
    return stdout;
  }

  /** Ids of the processes in which functions run whose names contain this. */
  workers(part = ''): readonly number[] {
    const task = `/proc/${this.#cloud.pid}/task`;
    const children = readdirSync(task).flatMap((thread) =>
      procText(`${task}/${thread}/children`).split(' ').filter(Boolean).map(Number),
    );
    return children.filter((pid) => {
      const name = functionIn(pid);
      return name?.startsWith(`${this.name}-`) && name.includes(part);
    });
  }

  /** Sends a signal to one of the processes in which stages run, or to all of them. How many there were. */
  signal(name: 'SIGKILL' | 'SIGSTOP', which: 'one' | 'all' = 'one'): number {
    const workers = this.workers('Stages');
    const at = Math.floor(Math.random() * workers.length);
    const chosen = which === 'all' ? workers : workers.slice(at, at + 1);
    return chosen.filter((pid) => kill(pid, name)).length;
  }

  /** Delivers no more. What is deployed goes with the cloud, or before if it is destroyed. */
  async end(): Promise<void> {
    await this.#events?.stop();
    this.client.close();
  }

  /** Deletes what was deployed. */
  async destroy(): Promise<void> {
    await this.#events?.stop();
    await destroyApp(this.#app);
  }
}

/** False if it is gone already. */
function kill(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** The function that a process runs; undefined if it runs none, or is gone. */
function functionIn(pid: number): string | undefined {
  const environment = procText(`/proc/${pid}/environ`).split('\0');
  return environment.find((each) => each.startsWith('AWS_LAMBDA_FUNCTION_NAME='))?.split('=')[1];
}

/** A file of a process or thread; empty where that has ended. */
function procText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
