/** Ports in memory that can be made to fail, and one run on them whose tasks are worked by hand. */
import { MemoryAtomicStep, MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../lib/adapters/memory/index.ts';
import { ManualClock, SeededRandom } from '../../lib/adapters/simulated/index.ts';
import { type RecordingTelemetry, recordingTelemetry } from '../../lib/adapters/telemetry/index.ts';
import { MillraceError, type Pipeline } from '../../lib/index.ts';
import { ALL, type KeyId, NOTHING, type Position } from '../../lib/model/index.ts';
import type { LogMessage } from '../../lib/ports/index.ts';
import type { Frame, Message } from '../../lib/protocol/index.ts';
import {
  type Limits,
  type OpenRun,
  openRun,
  type StepResult,
  type Task,
  type TaskPorts,
} from '../../lib/runtime/index.ts';

/** What goes wrong at a call: nothing of it happens, or all of it and the answer is lost. */
export type Fault = 'before' | 'after';

export interface Faults {
  /** Asked at each append and put; the fault it names comes about. */
  append: () => Fault | undefined;
  put: () => Fault | undefined;
}

export interface TestPorts extends TaskPorts {
  readonly log: MemoryLog;
  readonly commits: MemoryCommitStore;
  readonly blobs: MemoryBlobStore;
  readonly clock: ManualClock;
  readonly telemetry: RecordingTelemetry;
  readonly faults: Faults;
  /** Calls in their order: 'append' and 'put'. */
  readonly calls: string[];
}

export interface PortOptions {
  readonly maxMessageBytes?: number;
  readonly atomic?: boolean;
}

/** Stores that encode everything. */
export function testPorts({ maxMessageBytes, atomic = false }: PortOptions = {}): TestPorts {
  const clock = new ManualClock();
  const log = new MemoryLog(clock, { encode: true, ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }) });
  const commits = new MemoryCommitStore({ volatile: false });
  const faults: Faults = { append: () => undefined, put: () => undefined };
  const calls: string[] = [];
  const append = log.append.bind(log);
  log.append = async (entries) => {
    calls.push('append');
    const fault = faults.append();
    if (fault === 'before') throw lost('append');
    await append(entries);
    if (fault === 'after') throw lost('append');
  };
  const put = commits.put.bind(commits);
  commits.put = async (...args) => {
    calls.push('put');
    const fault = faults.put();
    if (fault === 'before') throw lost('put');
    const outcome = await put(...args);
    if (fault === 'after') throw lost('put');
    return outcome;
  };
  return {
    log,
    commits,
    clock,
    faults,
    calls,
    blobs: new MemoryBlobStore(),
    atomic: atomic ? new MemoryAtomicStep(log, commits) : undefined,
    random: new SeededRandom(7),
    telemetry: recordingTelemetry(),
  };
}

const lost = (what: string): MillraceError => new MillraceError('unavailable', `the answer to ${what} was lost`);

export interface StageOptions {
  readonly slots?: number;
  readonly limits?: Partial<Limits>;
  readonly runId?: string;
  readonly signal?: AbortSignal;
}

/** Opens the pipeline's run on the ports, as another process would. */
export function opened(pipeline: Pipeline, ports: TaskPorts, options: StageOptions = {}): Promise<OpenRun> {
  return openRun(pipeline, ports, {
    durable: true,
    runId: options.runId ?? 'run',
    signal: options.signal ?? new AbortController().signal,
    slots: options.slots ?? 8,
    limits: options.limits ?? {},
  });
}

export function taskOf({ tasks }: OpenRun, stage: string, partition = 0): Task {
  const found = tasks.find(({ id }) => id.stage === stage && id.partition === partition);
  if (found === undefined) throw new Error(`there is no task ${stage}/${partition}`);
  return found;
}

/** Rings every task until none has anything to do; calls that fail are made again. Throws what stopped a task. */
export async function settle(tasks: readonly Task[]): Promise<void> {
  let failures = 0;
  for (let moved = true; moved; ) {
    moved = false;
    for (const task of tasks) {
      const result = await task.ring().catch((error: unknown): StepResult => {
        if (!(error instanceof MillraceError && error.retry) || ++failures > 200) throw error;
        return { kind: 'lost' };
      });
      if (result.kind === 'stopped') throw result.error;
      if (result.kind === 'advanced' || result.kind === 'lost') moved = true;
    }
  }
}

/** One record of a frame made by hand. */
export interface Row {
  readonly value: unknown;
  readonly time?: number;
  readonly key?: KeyId;
  readonly cause: number;
  readonly k?: number;
}

export interface FrameParts {
  readonly run?: string;
  readonly task?: number;
  readonly channels?: number;
  readonly prev?: Position;
  readonly thru?: Position;
  readonly steps?: readonly number[];
}

/** A frame of a channel of `edge`. It follows nothing and speaks as far as its last record's cause unless more is said. */
export function frameOf(edge: string, rows: readonly Row[], parts: FrameParts = {}): Frame {
  const { run = 'run', task = 0, channels = 1, prev = NOTHING, steps = [] } = parts;
  return {
    kind: 'frame',
    run,
    channel: { edge, task },
    channels,
    epoch: 0,
    prev,
    thru: parts.thru ?? { cause: rows.at(-1)?.cause ?? prev.cause, k: ALL },
    values: rows.map((row) => row.value),
    keys: rows.some((row) => row.key !== undefined) ? rows.map((row) => row.key!) : undefined,
    times: rows.map((row) => row.time ?? 0),
    causes: rows.map((row) => row.cause),
    ks: rows.map((row) => row.k ?? 0),
    steps,
  };
}

/** Everything in a partition of a topic. */
export async function messagesIn({ log }: TaskPorts, topic: string, partition = 0): Promise<readonly LogMessage[]> {
  const found = await log.topic(topic);
  if (found === undefined) return [];
  return (await log.read(found, partition, 0, { messages: 1e6, bytes: 1e9 })).messages;
}

/** The frames of a run in a partition, other messages left out. */
export async function framesIn(ports: TaskPorts, topic: string, partition = 0): Promise<readonly Frame[]> {
  return (await messagesIn(ports, topic, partition)).map(({ message }) => message).filter(isFrame);
}

const isFrame = (message: Message): message is Frame => message.kind === 'frame';
