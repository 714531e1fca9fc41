import type {
  Draft,
  DraftNode,
  DraftOperator,
  DraftRef,
  DraftRoute,
  DraftSink,
  DraftSource,
} from '../../lib/plan/index.ts';

type Given<T> = Partial<Omit<T, 'kind' | 'id' | 'inputs'>>;

/** Writes drafts down with as little said as a test cares for. */
export class DraftWriter {
  readonly nodes: DraftNode[] = [];

  source(id: string | undefined, given: Given<DraftSource> = {}): number {
    return this.#add({
      kind: 'source',
      id,
      inputs: [],
      code: `source ${id}`,
      connector: 'rows',
      options: {},
      bounded: true,
      hasEventTime: true,
      watermark: { kind: 'bounded', bound: 1_000 },
      idle: { policy: 'advance', after: 30_000, drift: 3_600_000 },
      badRecords: 'fail',
      partitions: 1,
      ...given,
    });
  }

  route(
    kind: DraftRoute['kind'],
    id: string | undefined,
    from: readonly (number | DraftRef)[],
    given: Given<DraftRoute> = {},
  ): number {
    return this.#add({ kind, id, inputs: from.map(refOf), code: `${kind} ${id}`, ...given });
  }

  keyBy(id: string | undefined, from: number | DraftRef, given: Given<DraftRoute> = {}): number {
    return this.route('key-by', id, [from], given);
  }

  operator(
    id: string | undefined,
    from: number | DraftRef | readonly (number | DraftRef)[],
    given: Given<DraftOperator> = {},
  ): number {
    return this.#add({
      kind: 'operator',
      id,
      inputs: [from].flat().map((input) => refOf(input as number | DraftRef)),
      code: `operator ${id}`,
      type: 'map',
      options: null,
      needsKey: false,
      keepsKey: false,
      stateful: false,
      async: false,
      nondeterministic: false,
      eventTime: false,
      processingTime: false,
      steps: 'none',
      state: {},
      sides: [],
      faults: undefined,
      fuse: true,
      ...given,
    });
  }

  /** A keyed operator with state that works by event time. */
  window(id: string | undefined, from: number | DraftRef, given: Given<DraftOperator> = {}): number {
    return this.operator(id, from, {
      type: 'window',
      needsKey: true,
      stateful: true,
      eventTime: true,
      steps: [60_000],
      state: { panes: 1 },
      options: { window: { kind: 'tumbling', size: 60_000, offset: 0 } },
      ...given,
    });
  }

  sink(id: string | undefined, from: number | DraftRef, given: Given<DraftSink> = {}): number {
    const common = { connector: 'drain', options: {}, guarantee: 'exactly-once', single: false } as const;
    return this.#add({ kind: 'sink', id, inputs: [refOf(from)], code: `sink ${id}`, ...common, ...given });
  }

  draft(given: Partial<Draft> = {}): Draft {
    return {
      pipeline: 'test',
      nodes: this.nodes,
      parallelism: 4,
      fusing: 'all',
      faults: { restart: { kind: 'none' }, fallback: 'fail' },
      ...given,
    };
  }

  #add(node: DraftNode): number {
    this.nodes.push(node);
    return this.nodes.length - 1;
  }
}

const refOf = (from: number | DraftRef): DraftRef => (typeof from === 'number' ? { node: from } : from);

/** The draft that `write` writes. */
export function draftOf(write: (w: DraftWriter) => void, given: Partial<Draft> = {}): Draft {
  const writer = new DraftWriter();
  write(writer);
  return writer.draft(given);
}
