import { createHash } from 'node:crypto';
import type { Pipeline } from '../../lib/pipeline/index.ts';
import { PROTOCOL_VERSION } from '../../lib/protocol/index.ts';
import { isOfMillrace } from './code-bundle.ts';
import { FunctionSites } from './function-sites.ts';
import type { ModuleGraph } from './module-graph.ts';

/** Values that a walk through what a node's functions see looks at, at most. */
const MOST_VALUES = 20_000;
const MAX_DEPTH = 12;

/**
 * A hash of each node's code, by id, for `Pipeline.withCode`: the modules that its functions stand in, all that these import, and what a function that another one made has got
 * from there. An inline function counts with its whole module. What stands in no module of the author's counts with all of them.
 */
export function codeHashes(pipeline: Pipeline, modules: ModuleGraph): Readonly<Record<string, string>> {
  const sites = new FunctionSites();
  try {
    const hashOf = (...code: readonly unknown[]): string => {
      const seen = new Seen(sites, modules);
      code.forEach((value) => {
        seen.look(value, true, 0);
      });
      return seen.hash();
    };
    return Object.fromEntries([
      ...[...pipeline.sources].map(([id, { schema, eventTime, watermark, connector }]) => [
        id,
        hashOf(schema, eventTime, watermark.functions, connector),
      ]),
      ...[...pipeline.operators].map(([id, { functions }]) => [id, hashOf(functions)]),
      ...[...pipeline.keys].map(([id, selector]) => [id, hashOf(selector)]),
      ...[...pipeline.partitioners].map(([id, partitioner]) => [id, hashOf(partitioner)]),
      ...[...pipeline.sinks].map(([id, { connector }]) => [id, hashOf(connector)]),
    ]);
  } finally {
    sites.close();
  }
}

type AnyFunction = (...given: never) => unknown;

/** What the code of one node consists of. */
class Seen {
  readonly #sites: FunctionSites;
  readonly #modules: ModuleGraph;
  readonly #files = new Set<string>();
  readonly #values: string[] = [];
  readonly #met = new Set<object>();

  constructor(sites: FunctionSites, modules: ModuleGraph) {
    this.#sites = sites;
    this.#modules = modules;
  }

  /** `given`: by what is not the author's, whose data are options, and counted as such. */
  look(value: unknown, given: boolean, depth: number): void {
    if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) {
      if (!given) this.#values.push(`${typeof value} ${String(value)}`);
      return;
    }
    if (this.#met.has(value) || this.#met.size >= MOST_VALUES || depth > MAX_DEPTH) return;
    this.#met.add(value);
    if (typeof value === 'function') this.#lookInto(value as AnyFunction, given, depth);
    else if (value instanceof Date || value instanceof RegExp) this.look(String(value), given, depth);
    const isThing = !given && typeof value === 'object' && !isPlain(value);
    for (const [name, held] of partsOf(value)) {
      if (isThing && typeof held === 'object') continue;
      if (!given) this.#values.push(name);
      this.look(held, given, depth + 1);
    }
  }

  hash(): string {
    const hash = createHash('sha256').update(`protocol ${PROTOCOL_VERSION}\n`);
    for (const name of this.#modules.namesOf(this.#files)) hash.update(`${name}\n`);
    return hash.update(JSON.stringify(this.#values)).digest('hex').slice(0, 16);
  }

  #lookInto(fn: AnyFunction, given: boolean, depth: number): void {
    const { file, closure } = this.#sites.siteOf(fn);
    const own = file !== undefined && !isOfMillrace(file);
    if (own) this.#addFile(file, fn);
    else if (!given) this.#values.push(`function ${fn.name}`);
    for (const [name, held] of Object.entries(closure)) {
      if (isLoaders(name) || isModule(held)) continue;
      if (own) this.#values.push(name);
      this.look(held, !own && given, depth + 1);
    }
  }

  #addFile(file: string, fn: AnyFunction): void {
    if (this.#modules.has(file)) {
      this.#files.add(file);
      return;
    }
    this.#values.push(Function.prototype.toString.call(fn));
    for (const each of this.#modules.files) this.#files.add(each);
  }
}

/** Fields, entries and items; getters are not called. */
function partsOf(value: object): Iterable<readonly [string, unknown]> {
  if (value instanceof Map) return [...value].map((entry, i) => [String(i), entry] as const);
  if (value instanceof Set) return [...value].map((item, i) => [String(i), item] as const);
  if (ArrayBuffer.isView(value))
    return [['bytes', Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')]];
  return Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([name, { enumerable, value: held }]) =>
    enumerable === true && held !== undefined ? [[name, held] as const] : [],
  );
}

/** Clients, servers and the like count by their settings, not by what they keep inside, which may be other each time. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || prototype === Object.prototype || CONTAINERS.some((each) => value instanceof each);
}

const CONTAINERS = [Array, Map, Set, Date, RegExp] as const;

const isModule = (value: unknown): boolean => Object.prototype.toString.call(value) === '[object Module]';

/** What test runners and loaders put around modules that they run as functions. */
const isLoaders = (name: string): boolean => name.startsWith('__');
