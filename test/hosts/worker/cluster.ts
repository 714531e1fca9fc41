/** Several workers in one process that share ports in memory: each can be killed, or stopped and woken again as a zombie. */
import { shareOut } from '../../../lib/adapters/kafka/share-out.ts';
import { MemoryBlobStore, MemoryCommitStore, MemoryLog } from '../../../lib/adapters/memory/index.ts';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';
import { type RecordingTelemetry, recordingTelemetry } from '../../../lib/adapters/telemetry/index.ts';
import { Worker, type WorkerEnd, type WorkerOptions } from '../../../lib/hosts/worker/index.ts';
import type { Duration, Key, Pipeline, UpsertConnector } from '../../../lib/index.ts';
import { type KeyId, keyOf } from '../../../lib/model/index.ts';
import type { Assignee, Assignment, CommitStore, Labels } from '../../../lib/ports/index.ts';
import type { TaskPorts } from '../../../lib/runtime/index.ts';

/** Lets calls through, holds them, or swallows them. */
export class Gate {
  #held: Promise<void> | undefined;
  #open: () => void = () => {};
  dead = false;

  /** Calls and answers wait until `wake`. */
  sleep(): void {
    this.#held ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  wake(): void {
    this.#held = undefined;
    this.#open();
  }

  /** No call is ever answered again. */
  kill(): void {
    this.dead = true;
    this.sleep();
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    await this.#held;
    const answer = await call();
    await this.#held;
    return answer;
  }
}

/** An object whose methods' calls pass a gate. */
function gated<T extends object>(target: T, gate: Gate): T {
  return new Proxy(target, {
    get(from, name) {
      const value = Reflect.get(from, name, from) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => gate.pass(async () => value.apply(from, args));
    },
  });
}

interface Member {
  readonly id: string;
  readonly assignee: Assignee;
  items: readonly string[];
  /** Those told that it has taken or is taking: the items of all of them are held. */
  shares: readonly (readonly string[])[];
}

/** Deals items out among its members as a Kafka group does, at once. */
export class LocalGroup {
  #members: readonly Member[] = [];
  #born = 0;
  copies = 0;

  member(): Assignment {
    let me: Member | undefined;
    let items: readonly string[] = [];
    return {
      offer: (offered) => {
        items = offered;
        if (me === undefined) return;
        me.items = offered;
        this.#deal();
      },
      join: (assignee) => {
        me = { id: `m${++this.#born}`, assignee, items, shares: [] };
        this.#members = [...this.#members, me];
        this.#deal();
      },
      isCurrent: () => true,
      leave: async () => this.expel(me?.assignee),
    };
  }

  /** The member has been silent for too long, or leaves: its share goes to the others. */
  expel(assignee: Assignee | undefined): void {
    this.#members = this.#members.filter((member) => member.assignee !== assignee);
    this.#deal();
  }

  get members(): readonly Assignee[] {
    return this.#members.map(({ assignee }) => assignee);
  }

  #deal(): void {
    const claimants = this.#members.map(({ id, items, shares, assignee }) => {
      return { id, items, owned: [...new Set(shares.flat())], warm: assignee.warm(), generation: 1 };
    });
    for (const [id, { own, copies }] of shareOut(claimants, this.copies)) {
      const member = this.#members.find((each) => each.id === id)!;
      member.shares = [...member.shares, own];
      void member.assignee.take({ own: new Set(own), copies: new Set(copies) }).then(() => {
        const before = new Set(member.shares.flat()).size;
        member.shares = member.shares.slice(member.shares.indexOf(own));
        if (new Set(member.shares.flat()).size < before) this.#deal();
      });
    }
  }
}

/** A store of commits that can be emptied. */
class EmptiableCommits {
  #inner: CommitStore = new MemoryCommitStore({ volatile: false });

  empty(): void {
    this.#inner = new MemoryCommitStore({ volatile: false });
  }

  readonly store: CommitStore = new Proxy({} as CommitStore, {
    get: (own, name) => {
      const value = Reflect.get(own, name) ?? (Reflect.get(this.#inner, name, this.#inner) as unknown);
      return typeof value === 'function' ? (value.bind(this.#inner) as unknown) : value;
    },
  });
}

export interface Running {
  readonly worker: Worker;
  readonly gate: Gate;
  readonly assignee: Assignee;
  readonly end: Promise<WorkerEnd>;
}

/** Stores, a group, and the workers of one run. */
export class Cluster {
  readonly group = new LocalGroup();
  readonly telemetry: RecordingTelemetry = recordingTelemetry();
  readonly ports: TaskPorts;
  readonly #commits = new EmptiableCommits();
  readonly #running: Running[] = [];
  readonly #observed: { readonly metric: string; readonly labels: Labels }[] = [];

  constructor() {
    const { telemetry } = this;
    const observe = telemetry.observe.bind(telemetry);
    telemetry.observe = (metric, value, labels) => {
      this.#observed.push({ metric, labels });
      observe(metric, value, labels);
    };
    this.ports = {
      log: new MemoryLog(systemClock, { encode: true }),
      commits: this.#commits.store,
      blobs: new MemoryBlobStore(),
      atomic: undefined,
      clock: systemClock,
      random: systemRandom,
      telemetry,
    };
  }

  /** Labels of observations of a metric at a stage, in order. */
  observed(metric: string, stage: string): readonly Labels[] {
    return this.#observed
      .filter((each) => each.metric === metric && each.labels['stage'] === stage)
      .map(({ labels }) => labels);
  }

  /** Takes away all commits and records. */
  emptyCommits(): void {
    this.#commits.empty();
  }

  /** Another worker of the run. */
  async start(pipeline: Pipeline, options: Partial<WorkerOptions> = {}): Promise<Running> {
    const gate = new Gate();
    const { log, commits, blobs } = this.ports;
    const ports = { ...this.ports, log: gated(log, gate), commits: gated(commits, gate), blobs: gated(blobs, gate) };
    const before = this.group.members.length;
    const worker = await Worker.open(pipeline, ports, {
      durable: true,
      runId: 'run',
      slots: 8,
      pumpPeriod: 20 as Duration,
      pollPeriod: 2 as Duration,
      patience: 10 as Duration,
      copyPeriod: 10 as Duration,
      limits: { sourceRows: 16, batchMessages: 4 },
      assignment: () => this.group.member(),
      ...options,
    });
    const end = worker.run();
    const running = { worker, gate, end, assignee: this.group.members[before]! };
    this.#running.push(running);
    return running;
  }

  /** Ends a process at once. The others hear of it after a while. */
  kill({ gate, assignee }: Running): void {
    gate.kill();
    this.group.expel(assignee);
  }

  /** Ends all that live. */
  async close(): Promise<void> {
    for (const { worker } of this.#running) worker.stop();
    await Promise.all(this.#running.filter(({ gate }) => !gate.dead).map(({ end }) => end));
  }
}

/** A sink that keeps each record under its position, so that it bears writers that repeat one another. */
export function ledger<T>(): UpsertConnector<T> & {
  readonly records: readonly T[];
  /** The latest record of each key, without those that `null` deleted. */
  readonly rows: readonly { readonly key: Key; readonly value: T }[];
  readonly finished: ReadonlySet<number>;
} {
  const entries = new Map<string, { readonly key: KeyId | undefined; readonly value: T }>();
  const finished = new Set<number>();
  return {
    kind: 'ledger',
    options: {},
    guarantee: 'idempotent',
    single: false,
    upserts: true,
    get records() {
      return [...entries.values()].map(({ value }) => value);
    },
    get rows() {
      const latest = new Map([...entries.values()].map(({ key, value }) => [key!, value]));
      return [...latest].filter(([, value]) => value !== null).map(([key, value]) => ({ key: keyOf(key), value }));
    },
    get finished() {
      return finished;
    },
    open: async ({ task }) => ({
      async write({ values, keys, causes, ks }) {
        values.forEach((value, i) => {
          entries.set(`${task} ${causes[i]} ${ks[i]}`, { key: keys[i], value: value as T });
        });
        return null;
      },
      async finish() {
        finished.add(task);
      },
      async close() {},
    }),
  };
}

/** Waits until something holds, or throws after ten seconds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > 10_000) throw new Error(`waited in vain until ${what}`);
    await systemClock.sleep(5 as Duration);
  }
}
