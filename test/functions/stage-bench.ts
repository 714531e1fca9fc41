/** Stages' functions on ports in memory, called by hand: code brought into a run as the controller does, deliveries made of what the logs hold. */
import type { Invocation } from '../../functions/deadline.ts';
import type { KafkaEvent } from '../../functions/kafka-event.ts';
import type { RingEvent, TaskOrder } from '../../functions/ring-event.ts';
import { settingsFrom, variables } from '../../functions/settings.ts';
import { type StageHandler, stageHandler } from '../../functions/stage-handler.ts';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../lib/adapters/simulated/index.ts';
import { RecordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import type { Duration } from '../../lib/model/index.ts';
import type { Pipeline } from '../../lib/pipeline/index.ts';
import { type CommitHeader, encodeMessage } from '../../lib/protocol/index.ts';
import { type OpenRun, openRun, type TaskPorts } from '../../lib/runtime/index.ts';

export interface Rung {
  readonly stage: string;
  readonly event: RingEvent;
  readonly epoch: number | undefined;
}

export class StageBench {
  readonly clock = new ManualClock();
  readonly log = new MemoryLog(this.clock, { encode: true });
  readonly telemetry = new RecordingTelemetry();
  readonly rung: Rung[] = [];
  readonly ports: TaskPorts = {
    log: this.log,
    commits: new MemoryCommitStore({ volatile: false }),
    blobs: new MemoryBlobStore(),
    atomic: undefined,
    clock: this.clock,
    random: new SeededRandom(1),
    telemetry: this.telemetry,
  };

  /** As the controller does: creates the run, or brings new code into it. */
  bring(pipeline: Pipeline): Promise<OpenRun> {
    const { signal } = new AbortController();
    return openRun(pipeline, this.ports, { durable: true, signal, runId: 'run', slots: 32 });
  }

  /** A function with the code of one stage, that was never called. */
  stage(pipeline: Pipeline, stage: string, settings: { ports?: TaskPorts; warmBytes?: number } = {}): StageHandler {
    const environment = {
      [variables.pipeline]: pipeline.name,
      [variables.stage]: stage,
      [variables.table]: 't',
      [variables.bucket]: 'b',
      [variables.brokers]: 'b',
      [variables.warmBytes]: String(settings.warmBytes ?? 1e9),
    };
    return stageHandler(pipeline, settingsFrom(environment), async () => ({
      ports: settings.ports ?? this.ports,
      ring: async (to, event, epoch) => void this.rung.push({ stage: to, event, epoch }),
    }));
  }

  /** An invocation that begins now and may take so long. */
  invocation(limit = 60_000): Invocation {
    const end = this.clock.now() + limit;
    return { getRemainingTimeInMillis: () => end - this.clock.now() };
  }

  /** Calls, and moves time on while it waits for time to pass. */
  async call(handler: StageHandler, event: unknown, invocation: Invocation = this.invocation()): Promise<void> {
    let over = false;
    const done = handler(event, invocation).finally(() => {
      over = true;
    });
    done.catch(() => {});
    for (let turn = 0; !over; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turn > 20 && this.clock.nextWake !== undefined) this.clock.advance(10 as Duration);
    }
    return done;
  }

  /** What a topic's partitions hold from an offset on, as one delivery. */
  async delivery(pipeline: Pipeline, stage: string, partitions: readonly number[], from = 0): Promise<KafkaEvent> {
    const { topic: name } = pipeline.plan.stages.find(({ id }) => id === stage)!;
    const topic = (await this.log.topic(name))!;
    const records = await Promise.all(
      partitions.map(async (partition) => {
        const { messages } = await this.log.read(topic, partition, from, { messages: 1e6, bytes: 1e9 });
        const list = messages.map(({ offset, time, message }) => ({
          ...{ topic: name, partition, offset, timestamp: time, timestampType: 'LOG_APPEND_TIME' as const },
          value: Buffer.from(encodeMessage(message)).toString('base64'),
        }));
        return [`${name}-${partition}`, list] as const;
      }),
    );
    return { eventSource: 'SelfManagedKafka', records: Object.fromEntries(records) };
  }

  async head(stage: string, partition: number): Promise<CommitHeader> {
    return (await this.ports.commits.head('run', { stage, partition }))!;
  }

  /** Where the logs of a stage's partitions end. */
  async ends(pipeline: Pipeline, stage: string, partitions: number): Promise<number[]> {
    const topic = (await this.log.topic(pipeline.plan.stages.find(({ id }) => id === stage)!.topic))!;
    return Promise.all(Array.from({ length: partitions }, async (_, p) => (await this.log.bounds(topic, p)).end));
  }
}

export const ring = (...partitions: number[]): RingEvent => ({
  ring: partitions.map((partition) => ({ partition, reason: 'backlog' })),
});

export const order = (partition: number, what: TaskOrder): RingEvent => ({
  ring: [{ partition, reason: what.kind, order: what }],
});
