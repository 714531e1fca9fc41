import type { AtomicStep, Log, LogEntry, StepGroup } from '../../ports/index.ts';

/** Wakes those who wait for a name, and counts what waits for them. A call before anybody waits is not lost. */
export class Wakeups {
  /** Messages appended and not yet consumed, by the name of each partition that somebody consumes: dead letters are not. */
  readonly backlog = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();
  readonly #called = new Set<string>();

  call(name: string): void {
    const wake = this.#waiting.get(name);
    if (wake === undefined) this.#called.add(name);
    else {
      this.#waiting.delete(name);
      wake();
    }
  }

  callAll(): void {
    for (const name of [...this.#waiting.keys()]) this.call(name);
  }

  /** Resolves at the next call of the name, or at once if there was one since the last wait. One waits at a time. */
  wait(name: string): Promise<void> {
    if (this.#called.delete(name)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(name, resolve));
  }
}

export const wakeName = (topic: string, partition: number): string => `${topic}/${partition}`;

/** The log, with a call to whoever reads a partition when something was appended to it. */
export function wakingLog(log: Log, wakeups: Wakeups): Log {
  return {
    maxMessageBytes: log.maxMessageBytes,
    ensureTopic: (name, partitions) => log.ensureTopic(name, partitions),
    topic: (name) => log.topic(name),
    append: async (entries) => {
      await log.append(entries);
      callFor(entries, wakeups);
    },
    read: (topic, partition, from, limit) => log.read(topic, partition, from, limit),
    bounds: (topic, partition) => log.bounds(topic, partition),
    trim: (topic, partition, before) => log.trim(topic, partition, before),
  };
}

export function wakingStep(atomic: AtomicStep, wakeups: Wakeups): AtomicStep {
  const { group } = atomic;
  return {
    ...(group === undefined ? {} : { group: wakingGroup(group, wakeups) }),
    appendAndPut: async (entries, run, task, slot, commit, expect) => {
      const outcome = await atomic.appendAndPut(entries, run, task, slot, commit, expect);
      if (outcome === 'committed') callFor(entries, wakeups);
      return outcome;
    },
  };
}

function wakingGroup(group: StepGroup, wakeups: Wakeups): StepGroup {
  return {
    get due() {
      return group.due;
    },
    stage: (entries, ...step) => {
      const outcome = group.stage(entries, ...step);
      if (outcome === 'committed') callFor(entries, wakeups);
      return outcome;
    },
    freed: () => group.freed(),
    check: () => group.check(),
    flush: () => group.flush(),
  };
}

function callFor(entries: readonly LogEntry[], wakeups: Wakeups): void {
  for (const { topic, partition } of entries) {
    const name = wakeName(topic, partition);
    const waiting = wakeups.backlog.get(name);
    if (waiting !== undefined) wakeups.backlog.set(name, waiting + 1);
    wakeups.call(name);
  }
}
