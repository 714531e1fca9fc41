/** Where a task's loop waits for input: messages of its log, or a sign that its source has rows. */
import type { Duration } from '../../model/index.ts';
import type { Clock, LogMessage, LogPlace, LogSlice, SourcePlace, Topic } from '../../ports/index.ts';
import type { LongPoll, Seat } from './long-poll.ts';
import { Wake } from './wake.ts';

export interface Inbox {
  /** Resolves when there may be something at or after offset `from`, or at a call: with messages to deliver, or undefined where the task is to look for itself. */
  next(from: number): Promise<readonly LogMessage[] | undefined>;
  /** Resolves after the span (never, if none is given), or at a call. */
  rest(span: Duration | undefined): Promise<void>;
  /** Ends the wait that is under way, or the next. */
  call(): void;
  close(): void;
}

/** Messages of one partition, read ahead by one batch. */
export class LogInbox implements Inbox {
  readonly #poll: LongPoll<LogPlace, LogSlice>;
  readonly #seat: Seat<LogPlace, LogSlice>;
  readonly #clock: Clock;
  readonly #topic: Topic;
  readonly #partition: number;

  constructor(poll: LongPoll<LogPlace, LogSlice>, clock: Clock, topic: Topic, partition: number) {
    this.#poll = poll;
    this.#seat = poll.sit();
    this.#clock = clock;
    this.#topic = topic;
    this.#partition = partition;
  }

  async next(from: number): Promise<readonly LogMessage[] | undefined> {
    if (!this.#follows(from)) {
      this.#want(from);
      await this.#seat.wait(this.#clock, undefined);
    }
    const slice = this.#seat.take();
    if (slice === undefined || slice.start > from || slice.next <= from) return undefined;
    this.#want(slice.next);
    return slice.messages;
  }

  /** Whether what has been found, or is asked for, is what comes next. */
  #follows(from: number): boolean {
    const { found } = this.#seat;
    return found !== undefined && found.next > from && (found.messages[0]?.offset ?? from) <= from;
  }

  #want(from: number): void {
    if (this.#seat.wanted?.from !== from) this.#seat.want({ topic: this.#topic, partition: this.#partition, from });
  }

  async rest(span: Duration | undefined): Promise<void> {
    this.#seat.wantNothing();
    await this.#seat.wait(this.#clock, span);
  }

  call(): void {
    this.#seat.call();
  }

  close(): void {
    this.#poll.leave(this.#seat);
  }
}

/** A source that can be asked to wait for rows. */
export class SourceInbox implements Inbox {
  readonly #poll: LongPoll<SourcePlace, true>;
  readonly #seat: Seat<SourcePlace, true>;
  readonly #clock: Clock;
  readonly #partition: number;

  constructor(poll: LongPoll<SourcePlace, true>, clock: Clock, partition: number) {
    this.#poll = poll;
    this.#seat = poll.sit();
    this.#clock = clock;
    this.#partition = partition;
  }

  async next(from: number): Promise<undefined> {
    this.#seat.want({ partition: this.#partition, from });
    await this.#seat.wait(this.#clock, undefined);
    this.#seat.take();
  }

  async rest(span: Duration | undefined): Promise<void> {
    this.#seat.wantNothing();
    await this.#seat.wait(this.#clock, span);
  }

  call(): void {
    this.#seat.call();
  }

  close(): void {
    this.#poll.leave(this.#seat);
  }
}

/** A source that has to be asked again and again. */
export class PolledInbox implements Inbox {
  readonly #wake = new Wake();
  readonly #clock: Clock;
  readonly #period: Duration;

  constructor(clock: Clock, period: Duration) {
    this.#clock = clock;
    this.#period = period;
  }

  async next(): Promise<undefined> {
    await this.#wake.within(this.#clock, this.#period);
  }

  async rest(span: Duration | undefined): Promise<void> {
    if (span === undefined) await this.#wake.wait();
    else await this.#wake.within(this.#clock, span);
  }

  call(): void {
    this.#wake.call();
  }

  close(): void {}
}
