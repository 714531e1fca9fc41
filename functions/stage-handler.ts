/**
 * One stage's tasks, called by the event source of its topic or rung by the controller.
 *
 * 1. A delivery is a doorbell with a message in hand: what is missing before it, or cannot be decoded, the task reads from the log itself.
 * 2. Partitions of a delivery work side by side and commit apart.
 * 3. A delivery is given back only where a later one finds more: a dependency is away, or the time was too short for what was begun. Whatever else keeps a
 *    task from going on, its delivery is acknowledged, for the log keeps what was delivered, and the controller rings.
 * 4. Nothing is created here: the controller makes the run and brings new code into it. Tasks at another version of the code are rung over to the function
 *    that has it.
 */
import { type Duration, MillraceError, messageOf, taskName } from '../lib/model/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import type { LogMessage } from '../lib/ports/index.ts';
import { decodeMessage } from '../lib/protocol/index.ts';
import { LOOK_AGE } from '../lib/runtime/index.ts';
import { Deadline, type Invocation } from './deadline.ts';
import { type Delivery, deliveriesOf, isKafkaEvent, placesOf } from './kafka-event.ts';
import { lazily } from './lazily.ts';
import type { Connections } from './ports.ts';
import { isRingEvent, type TaskOrder, type TaskRing } from './ring-event.ts';
import type { Settings } from './settings.ts';
import { stageMetrics } from './stage-metrics.ts';
import { StageRun } from './stage-run.ts';
import type { StageTask, TurnResult } from './stage-task.ts';
import { WarmCache } from './warm-cache.ts';

export type Connect = (settings: Settings) => Promise<Connections>;

/** Commits lost in a row after which somebody else is at work on the task. */
const MAX_LOST = 5;
/** Calls that pass an event on, at most: of two versions of the code, each sees what the other did before it. */
const MAX_HOPS = 4;
/** A back-off of so many milliseconds is waited for here, a few times; the controller rings after a longer one. */
const SHORT_WAIT = 1_000;
const MAX_WAITS = 3;
/** What fails within so many milliseconds is tried once more in place. */
const QUICKLY = 5_000;
/** Pause after the first commit that was lost, or the first failure, in milliseconds. */
const FIRST_PAUSE = 50;

/** What is asked of a task. */
interface Work {
  readonly partition: number;
  /** Undefined: whatever the log holds. */
  readonly messages: readonly LogMessage[] | undefined;
  readonly ring: TaskRing;
  readonly hops: number;
}

export type StageHandler = (event: unknown, invocation: Invocation) => Promise<void>;

/**
 * The handler; it may be called many times at once. Throws what a later delivery may mend, and `incompatible` for an event that is none of its own, or code that was
 * deployed for another pipeline.
 */
export function stageHandler(pipeline: Pipeline, settings: Settings, connect: Connect): StageHandler {
  const opened = lazily(async () => new StageFunction(pipeline, await connect(settings), settings));
  return async (event, invocation) => (await opened()).handle(event, invocation);
}

class StageFunction {
  readonly #connections: Connections;
  readonly #run: StageRun;
  readonly #topic: string | undefined;
  readonly #labels: { readonly pipeline: string; readonly stage: string };
  readonly #warm: WarmCache;

  constructor(pipeline: Pipeline, connections: Connections, settings: Settings) {
    const { stage = '' } = settings;
    if (settings.pipeline !== pipeline.name) {
      throw new MillraceError(
        'incompatible',
        `the function is deployed for pipeline ${settings.pipeline} and holds ${pipeline.name}`,
        { hint: 'deploy code and settings together' },
      );
    }
    const plan = pipeline.plan.stages.find(({ id }) => id === stage);
    this.#connections = connections;
    this.#run = new StageRun(pipeline, connections, stage);
    this.#topic = plan?.source === undefined ? `${settings.topicPrefix}${plan?.topic}` : undefined;
    this.#labels = { pipeline: pipeline.name, stage };
    this.#warm = new WarmCache(settings.warmBytes);
  }

  async handle(event: unknown, invocation: Invocation): Promise<void> {
    const work = this.#workOf(event);
    const deadline = new Deadline(invocation, this.#connections.ports.clock);
    try {
      if ((await this.#run.run()) === undefined) return this.#untaken('it has no run that has this code yet');
      const ends = await Promise.allSettled(work.map((each) => this.#carryOut(each, deadline)));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    } finally {
      deadline.end();
      await this.#warm.fit();
    }
  }

  #workOf(event: unknown): Work[] {
    if (isRingEvent(event)) {
      const { ring, hops = 0 } = event;
      return ring.map((each) => ({ partition: each.partition, messages: undefined, ring: each, hops }));
    }
    if (!isKafkaEvent(event)) {
      throw new MillraceError('incompatible', 'the function was called with an event that it does not know', {
        where: this.#labels,
        hint: 'it is called by an event source mapping of Kafka, or with { ring: [...] } by the controller',
      });
    }
    const asked = (partition: number, messages: Work['messages']): Work => ({
      ...{ partition, messages, hops: 0 },
      ring: { partition, reason: 'backlog' },
    });
    if (this.#topic === undefined) return placesOf(event).map(({ partition }) => asked(partition, undefined));
    return deliveriesOf(event).flatMap((delivery) => {
      if (delivery.topic === this.#topic) return [asked(delivery.partition, messagesOf(delivery))];
      this.#untaken(`it reads ${this.#topic}, and its event source ${delivery.topic}`);
      return [];
    });
  }

  /** Works until all that was asked is done, or cannot be done now. */
  async #carryOut(work: Work, deadline: Deadline): Promise<void> {
    try {
      const task = await this.#taskOf(work.partition);
      if (task === undefined) return this.#untaken(`it has no task ${work.partition}`);
      await this.#steps(task, work, deadline);
    } catch (error) {
      const { stage } = this.#labels;
      const name = taskName({ stage, partition: work.partition });
      const { telemetry } = this.#connections.ports;
      telemetry.count(stageMetrics.failures, 1, this.#labels);
      const { kind, hint } = error instanceof MillraceError ? error : { kind: 'internal', hint: undefined };
      const what = isPassing(error) ? 'gives back what was delivered' : 'cannot go on';
      telemetry.log('error', `${name} ${what}: ${messageOf(error)}`, { kind, hint, error });
      if (isPassing(error)) throw error;
    }
  }

  async #taskOf(partition: number): Promise<StageTask | undefined> {
    const known = await this.#run.task(partition);
    if (known !== undefined) return known;
    return (await this.#run.grow()) ? this.#run.task(partition) : undefined;
  }

  async #steps(task: StageTask, work: Work, deadline: Deadline): Promise<void> {
    const other = await this.#warm.use(task.task, () => this.#stepsOf(task, work, deadline));
    if (other !== undefined) await this.#steps(other, work, deadline);
  }

  /** The same task at another version of this code, if that is to go on. */
  async #stepsOf(task: StageTask, work: Work, deadline: Deadline): Promise<StageTask | undefined> {
    const { messages, ring } = work;
    const upTo = messages === undefined ? Number.POSITIVE_INFINITY : (messages.at(-1)?.offset ?? -1) + 1;
    let isFirst = true;
    let advanced = 0;
    let failures = 0;
    let waits = 0;
    const { clock } = this.#connections.ports;
    for (let lost = 0; ; ) {
      if (deadline.isNear) {
        this.#outOfTime(task, messages === undefined, isFirst || advanced > 0);
        return undefined;
      }
      let result: TurnResult;
      const began = clock.now();
      try {
        if (isFirst && ring.order !== undefined) await this.#order(task, ring.order, deadline);
        result = await task.step(messages, deadline, isFirst);
      } catch (error) {
        if (!isMoment(error, clock.now() - began) || failures++ > 0) throw error;
        await this.#pause(1);
        continue;
      }
      if (result.kind === 'late') continue;
      isFirst = false;
      switch (result.kind) {
        case 'advanced':
          if (result.nextOffset >= upTo) return undefined;
          advanced++;
          lost = 0;
          break;
        case 'lost':
          if (++lost >= MAX_LOST) {
            this.#log('warn', task, `lost ${lost} commits in a row: another works on it`);
            return undefined;
          }
          await this.#pause(lost);
          break;
        case 'idle':
          if (deadline.signal.aborted) break;
          return undefined;
        case 'held':
          return undefined;
        case 'waiting': {
          const span = result.until - clock.now();
          if (span > SHORT_WAIT || waits++ >= MAX_WAITS) return undefined;
          await clock.sleep(Math.max(1, span) as Duration);
          break;
        }
        case 'stopped':
          task.tellStopped(result.reason, result.error);
          return undefined;
        case 'other-code': {
          const other = await this.#run.task(work.partition, result.epoch);
          if (other !== undefined && other !== task) return other;
          await this.#ringOver(task, work, result.epoch);
          return undefined;
        }
      }
    }
  }

  async #order(task: StageTask, order: TaskOrder, deadline: Deadline): Promise<void> {
    const result = await task.order(order, deadline);
    if (result !== undefined) this.#log('info', task, `was told to ${order.kind}: ${result.kind}`);
  }

  /** Gives back what a later delivery goes on with; what found no end in all the time there is is left to the controller, so that others are not kept waiting. */
  #outOfTime(task: StageTask, isRing: boolean, hopes: boolean): void {
    if (isRing) return;
    const why = 'is not done with what was delivered: the invocation has no time left';
    if (!hopes) this.#log('warn', task, why);
    else throw this.#notDone(task, why);
  }

  #notDone(task: StageTask, why: string): MillraceError {
    return new MillraceError('unavailable', `${taskName(task.task.id)} ${why}`, {
      where: { ...task.task.id },
      hint: 'it goes on with the next; if it happens often, give the function more time or memory',
    });
  }

  /** What cannot be rung now the controller rings. */
  async #ringOver(task: StageTask, { ring, hops }: Work, epoch: number): Promise<void> {
    if (hops >= MAX_HOPS || !task.isToRing(epoch, LOOK_AGE)) return;
    const { stage } = this.#labels;
    try {
      await this.#connections.ring(stage, { ring: [ring], hops: hops + 1 }, epoch);
      this.#log('info', task, `is at code version ${epoch}, and was rung over`);
    } catch (error) {
      this.#log('warn', task, `is at code version ${epoch}, and could not be rung over: ${messageOf(error)}`);
    }
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#connections.ports;
    return clock.sleep((FIRST_PAUSE * 2 ** attempt * (0.5 + random.next())) as Duration);
  }

  #log(level: 'info' | 'warn', { task }: StageTask, message: string): void {
    this.#connections.ports.telemetry.log(level, `${taskName(task.id)} ${message}`);
  }

  /** What was delivered stays in the log until somebody takes it. */
  #untaken(why: string): void {
    const { telemetry } = this.#connections.ports;
    telemetry.count(stageMetrics.untaken, 1, this.#labels);
    telemetry.log('warn', `stage ${this.#labels.stage} takes nothing: ${why}`, this.#labels);
  }
}

/** Whether a dependency is away: what else goes wrong goes wrong again at the next delivery. */
const isPassing = (error: unknown): boolean => error instanceof MillraceError && error.kind === 'unavailable';

/** Whether another attempt at once may find the dependency there, or not fenced off by one who has come before. */
const isMoment = (error: unknown, took: number): boolean =>
  isPassing(error) && (error as MillraceError).retry && took < QUICKLY;

/** Undefined where any of them cannot be decoded: the task finds it in the log, and stops there with a reason that is kept. */
function messagesOf({ records }: Delivery): readonly LogMessage[] | undefined {
  try {
    return records.flatMap(({ offset, time, value }) =>
      value === undefined ? [] : [{ offset, time, message: decodeMessage(value) }],
    );
  } catch {
    return undefined;
  }
}
