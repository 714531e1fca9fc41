import type { KeyId } from '../model/index.ts';
import type { Receiver } from '../operators/index.ts';

/** Which operator is at work: what an error is blamed on. */
export interface Site {
  at: string;
}

interface Target {
  readonly node: string;
  readonly receiver: Receiver;
}

/** One output of a node: hands records on and counts them. */
export interface Outlet extends Receiver {
  count: number;
  /** The nodes to which it hands them. */
  readonly targets: readonly string[];
}

/** An outlet to any number of targets. */
export function outlet(site: Site, targets: readonly Target[]): Outlet {
  const [only] = targets;
  if (only === undefined) return new Drain();
  return targets.length === 1 ? new Pipe(site, only) : new Fan(site, targets);
}

class Drain implements Outlet {
  count = 0;
  readonly targets = [];
  record(): void {
    this.count++;
  }
}

class Pipe implements Outlet {
  count = 0;
  readonly #site: Site;
  readonly #node: string;
  readonly #receiver: Receiver;
  readonly targets: readonly string[];

  constructor(site: Site, target: Target) {
    this.targets = [target.node];
    this.#site = site;
    this.#node = target.node;
    this.#receiver = target.receiver;
  }

  record(value: unknown, time: number, key: KeyId | undefined): void {
    this.count++;
    const site = this.#site;
    const from = site.at;
    site.at = this.#node;
    this.#receiver.record(value, time, key);
    site.at = from;
  }
}

class Fan implements Outlet {
  count = 0;
  readonly #pipes: readonly Pipe[];
  readonly targets: readonly string[];

  constructor(site: Site, targets: readonly Target[]) {
    this.targets = targets.map(({ node }) => node);
    this.#pipes = targets.map((target) => new Pipe(site, target));
  }

  record(value: unknown, time: number, key: KeyId | undefined): void {
    this.count++;
    for (const pipe of this.#pipes) pipe.record(value, time, key);
  }
}
