/** Functions called as Lambda calls them, on ports in memory: events made from what the log holds, mixed partitions, duplicates, and rings. */
import { controllerHandler } from '../../functions/controller-handler.ts';
import type { KafkaEvent, KafkaEventRecord } from '../../functions/kafka-event.ts';
import type { Connections } from '../../functions/ports.ts';
import type { RingEvent } from '../../functions/ring-event.ts';
import { type Settings, settingsFrom, variables } from '../../functions/settings.ts';
import { stageHandler } from '../../functions/stage-handler.ts';
import { MemoryBlobStore, MemoryCommitStore, MemoryLease, MemoryLog } from '../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../lib/adapters/simulated/index.ts';
import { RecordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import type { Pipeline } from '../../lib/pipeline/index.ts';
import type { LogMessage } from '../../lib/ports/index.ts';
import { encodeMessage } from '../../lib/protocol/index.ts';
import type { TaskPorts } from '../../lib/runtime/index.ts';

export const plenty = { getRemainingTimeInMillis: () => 60_000 };

type Handler = (event: unknown, invocation: typeof plenty) => Promise<void>;

export class LocalDeployment {
  readonly clock = new ManualClock();
  readonly log = new MemoryLog(this.clock, { encode: true });
  readonly telemetry = new RecordingTelemetry();
  readonly ports: TaskPorts = {
    log: this.log,
    commits: new MemoryCommitStore({ volatile: false }),
    blobs: new MemoryBlobStore(),
    atomic: undefined,
    clock: this.clock,
    random: new SeededRandom(1),
    telemetry: this.telemetry,
  };
  readonly pipeline: Pipeline;
  readonly rung: { readonly stage: string; readonly event: RingEvent }[] = [];
  readonly #stages = new Map<string, Handler>();
  readonly #read = new Map<string, number>();

  constructor(pipeline: Pipeline) {
    this.pipeline = pipeline;
  }

  settings(stage?: string): Settings {
    const { name } = this.pipeline;
    return {
      ...settingsFrom({
        [variables.pipeline]: name,
        [variables.table]: 't',
        [variables.bucket]: 'b',
        [variables.brokers]: 'b',
      }),
      stage,
    };
  }

  connect = async (): Promise<Connections> => ({
    ports: this.ports,
    ring: async (stage, event) => void this.rung.push({ stage, event }),
  });

  /** The function of a stage; a new one is a cold start. */
  coldStart(stage: string): Handler {
    const handler = stageHandler(this.pipeline, this.settings(stage), this.connect);
    this.#stages.set(stage, handler);
    return handler;
  }

  stage(stage: string): Handler {
    return this.#stages.get(stage) ?? this.coldStart(stage);
  }

  controller(): () => Promise<void> {
    const connect = async () => ({ ...(await this.connect()), lease: new MemoryLease(), call: async () => undefined });
    const handler = controllerHandler(this.pipeline, this.settings(), connect);
    return async () => void (await handler({}, { getRemainingTimeInMillis: () => 5_000 }));
  }

  /** What came to a topic since it was last asked, all partitions in one event, with as many messages from before once more; undefined if nothing came. */
  async event(topic: string, again = 0): Promise<KafkaEvent | undefined> {
    const known = await this.log.topic(topic);
    const records: Record<string, KafkaEventRecord[]> = {};
    for (let partition = 0; partition < (known?.partitions ?? 0); partition++) {
      const name = `${topic}-${partition}`;
      const from = this.#read.get(name) ?? 0;
      const { end } = await this.log.bounds(known!, partition);
      if (end === from) continue;
      this.#read.set(name, end);
      const slice = await this.log.read(known!, partition, Math.max(0, from - again), { messages: 1e6, bytes: 1e9 });
      records[name] = slice.messages.map((message) => asRecord(topic, partition, message));
    }
    return Object.keys(records).length === 0 ? undefined : { eventSource: 'SelfManagedKafka', records };
  }

  /**
   * Rings what the controller rings and delivers what comes to the topics, until nothing moves any more. `again`: messages delivered twice;
   * `cold`: every delivery starts a new function.
   */
  async settle(options: { readonly again?: number; readonly cold?: boolean } = {}): Promise<void> {
    const controller = this.controller();
    for (let moved = true; moved; ) {
      await controller();
      moved = this.rung.length > 0;
      for (const { stage, event } of this.rung.splice(0)) await this.stage(stage)(event, plenty);
      for (const { id, topic, source } of this.pipeline.plan.stages) {
        const event = source === undefined ? await this.event(topic, options.again) : undefined;
        if (event === undefined) continue;
        moved = true;
        await (options.cold === true ? this.coldStart(id) : this.stage(id))(event, plenty);
      }
    }
  }
}

function asRecord(topic: string, partition: number, { offset, time, message }: LogMessage): KafkaEventRecord {
  const value = Buffer.from(encodeMessage(message)).toString('base64');
  return { topic, partition, offset, timestamp: time, timestampType: 'LOG_APPEND_TIME', value, headers: null };
}
