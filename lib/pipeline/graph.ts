import type { Key } from '../model/index.ts';
import { MillraceError } from '../model/index.ts';
import {
  functionMistakes,
  type Mistake,
  type OperatorDefinition,
  optionsMistakes,
  settings,
} from '../operators/index.ts';
import {
  type DraftNode,
  type DraftRef,
  type DraftRoute,
  type DraftSink,
  dataFingerprint,
  type FaultPlan,
  fingerprint,
  isKeyed,
} from '../plan/index.ts';
import type { SinkConnector } from '../ports/index.ts';
import { connectorMistakes } from './connector.ts';
import { jsonOf } from './json.ts';
import { exchangeOptions, operatorOptions } from './known-options.ts';
import type { FaultOptions } from './restart.ts';
import { draftSource, type SourceDefinition } from './source.ts';

/** What can be said about any operator, as the last argument. */
export interface OperatorOptions extends FaultOptions {
  /** False: never share a stage with other operators, to deploy and scale this one alone. */
  readonly fuse?: boolean;
  /**
   * False: the code may give other results at another attempt, so results are committed before they are sent. Always so for `async`. Code that takes time
   * and randomness from its context only is deterministic.
   */
  readonly deterministic?: boolean;
}

/** Says which of so many tasks a record goes to, from 0 on. */
export type Partitioner = (record: unknown, tasks: number) => number;

/** A node as authored, with the code that belongs to it. */
export interface Entry {
  readonly draft: DraftNode;
  /** Fingerprint of what is data in the node, as `draft.code` is one of its functions' text as well. */
  readonly data: string;
  readonly source?: SourceDefinition;
  readonly operator?: OperatorDefinition;
  readonly selector?: (record: unknown) => Key;
  readonly partitioner?: Partitioner;
  readonly sink?: SinkConnector<unknown>;
}

type Mistakes = readonly Mistake[];
type Exchange = { readonly parallelism?: number };

/** What changes where records go, with the author's code in it. */
interface Route extends Pick<Entry, 'selector' | 'partitioner'> {
  readonly kind: DraftRoute['kind'];
  readonly id: string | undefined;
  /** Names it in fingerprints. Default: the kind. */
  readonly name?: string;
  /** It may go without an id. */
  readonly auto?: boolean;
  readonly options?: Exchange | undefined;
  readonly mistakes?: Mistakes;
}

/** Takes down, in order, what an author writes between `pipeline(` and its end. */
export class Graph {
  readonly #pipeline: string;
  readonly #faults: FaultPlan;
  readonly #entries: Entry[] = [];
  readonly #version: string | undefined;
  #closed = false;

  constructor(pipeline: string, faults: FaultPlan, version: string | undefined) {
    this.#pipeline = pipeline;
    this.#faults = faults;
    this.#version = version;
  }

  /** Ends the writing and hands over what was written. */
  close(): readonly Entry[] {
    this.#closed = true;
    return this.#entries;
  }

  /** Whether the records of an output carry a key. */
  isKeyed(output: DraftRef): boolean {
    return isKeyed(
      this.#entries.map(({ draft }) => draft),
      output,
    );
  }

  source(id: string, source: SourceDefinition): DraftRef {
    return this.#add({ draft: draftSource(id, source), data: source.data, source });
  }

  operator(
    inputs: DraftRef | readonly DraftRef[],
    id: string | undefined,
    operator: OperatorDefinition,
    options?: OperatorOptions,
    keepsKey = false,
  ): DraftRef {
    const { type, needsKey, stateful, async, eventTime, processingTime, steps, state, sides } = operator;
    const { restart, fallback, fuse = true, deterministic = true } = settings(options);
    const named = stateful || async || type === 'split';
    return this.#add({
      operator,
      data: dataFingerprint(type, operator.options, operator.functions),
      draft: {
        kind: 'operator',
        id,
        ...(named ? {} : { auto: type }),
        inputs: [inputs].flat(),
        ...(operator.inputs === undefined ? {} : { needs: operator.inputs }),
        ...(operator.updates === true ? { updates: true } : {}),
        ...(operator.rows === undefined ? {} : { readable: true }),
        ...(operator.holdsBack === true ? { holdsBack: true } : {}),
        code: fingerprint(type, operator.options, operator.functions),
        mistakes: [...(operator.mistakes ?? []), ...optionsMistakes(options, operatorOptions(type))],
        options: jsonOf(operator.options),
        ...{ type, needsKey, keepsKey, stateful, async, eventTime, processingTime, steps, state, sides, fuse },
        nondeterministic: operator.nondeterministic || !deterministic,
        faults:
          restart === undefined && fallback === undefined
            ? undefined
            : { restart: restart ?? this.#faults.restart, fallback: fallback ?? this.#faults.fallback },
      },
    });
  }

  keyBy(input: DraftRef, id: string, selector: (record: unknown) => Key, options: Exchange | undefined): DraftRef {
    const mistakes = functionMistakes('keyBy', selector, `write .keyBy('by-name', (record) => record.name)`);
    return this.#route([input], { kind: 'key-by', id, options, mistakes, selector });
  }

  partitionBy(input: DraftRef, id: string, partitioner: Partitioner, options: Exchange | undefined): DraftRef {
    const write = `write .partitionBy('spread', (record, tasks) => ...)`;
    const mistakes = functionMistakes('partitionBy', partitioner, write);
    return this.#route([input], { kind: 'partition-by', id, options, mistakes, partitioner });
  }

  /** Sends records on by the key that they carry: what changes it must come before. `authored`: it has an id and mistakes of its own. */
  byKey(
    input: DraftRef,
    options?: Exchange,
    authored?: { readonly id: string; readonly mistakes: Mistakes },
  ): DraftRef {
    const auto = authored === undefined;
    return this.#route([input], { kind: 'key-by', name: 'by-key', id: undefined, auto, options, ...authored });
  }

  rebalance(input: DraftRef, id: string | undefined, options: Exchange | undefined): DraftRef {
    return this.#route([input], { kind: 'rebalance', id, auto: true, options });
  }

  broadcast(input: DraftRef, id: string | undefined): DraftRef {
    return this.#route([input], { kind: 'broadcast', id, auto: true });
  }

  union(inputs: readonly DraftRef[], mistakes: Mistakes): DraftRef {
    return this.#route(inputs, { kind: 'union', id: undefined, auto: true, mistakes });
  }

  sink(input: DraftRef, id: string, sink: SinkConnector<unknown>): void {
    const code = fingerprint('sink');
    this.#add({ sink, data: code, draft: { kind: 'sink', id, inputs: [input], code, ...draftSink(sink) } });
  }

  #route(inputs: readonly DraftRef[], route: Route): DraftRef {
    const { kind, name = kind, id, auto = false, options, mistakes = [], ...code } = route;
    const parts = [name, ...Object.values(code)];
    const { parallelism } = settings(options);
    return this.#add({
      ...code,
      data: dataFingerprint(...parts),
      draft: {
        ...{ kind, id, inputs, code: fingerprint(...parts) },
        ...(auto ? { auto: name } : {}),
        ...(parallelism === undefined ? {} : { parallelism }),
        mistakes: [...mistakes, ...optionsMistakes(options, exchangeOptions)],
      },
    });
  }

  #add(entry: Entry): DraftRef {
    if (this.#closed) {
      throw new MillraceError(
        'invalid-pipeline',
        `pipeline ${this.#pipeline} is complete and takes no more operators`,
        {
          where: { pipeline: this.#pipeline },
          hint: 'write all of it inside the function given to pipeline(...)',
        },
      );
    }
    const versioned = (code: string): string => (this.#version === undefined ? code : fingerprint(this.#version, code));
    const draft = { ...entry.draft, code: versioned(entry.draft.code) };
    this.#entries.push({ ...entry, draft, data: versioned(entry.data) });
    return { node: this.#entries.length - 1 };
  }
}

/** What the plan must know of a sink's connector. */
export function draftSink(
  sink: SinkConnector<unknown>,
): Pick<DraftSink, 'connector' | 'options' | 'guarantee' | 'single' | 'upserts' | 'mistakes'> {
  const { kind, options, guarantee, single, upserts } = settings(sink);
  return {
    ...{ connector: kind, options: jsonOf(options), guarantee, single },
    ...(upserts === true ? { upserts } : {}),
    mistakes: connectorMistakes('sink', guarantee, sink),
  };
}
