import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

type AnyFunction = (...given: never) => unknown;

/** Where a function stands, and what it sees beside its own and its module's variables. */
export interface FunctionSite {
  /** Path of its module; undefined for what is built into the engine or Node, empty for code that stands in no file. */
  readonly file: string | undefined;
  /** Variables of the functions around it, by name; of a bound function what it is bound to. */
  readonly closure: Readonly<Record<string, unknown>>;
}

/** Looks functions of this process up. The engine knows where each stands and what it closes over; a debugger's session in the process tells. */
export class FunctionSites {
  readonly #session = new Session();
  readonly #files = new Map<string, string | undefined>();

  /** To be closed: with a session, code is slower. */
  constructor() {
    this.#session.connect();
    this.#session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) =>
      this.#files.set(scriptId, pathOf(url)),
    );
    this.#call('Debugger.enable');
  }

  siteOf(fn: AnyFunction): FunctionSite {
    exchange.held = fn;
    const { result } = this.#call('Runtime.evaluate', { expression: `globalThis[Symbol.for('${EXCHANGE}')].held` }) as {
      readonly result: Remote;
    };
    exchange.held = undefined;
    const { internalProperties = [] } = this.#properties(result);
    const internal = (name: string): Remote | undefined =>
      internalProperties.find((property) => property.name === name)?.value;
    const target = internal('[[TargetFunction]]');
    if (target !== undefined) {
      const site = this.siteOf(this.#local(target) as AnyFunction);
      const bound = ['[[BoundThis]]', '[[BoundArgs]]'].map((name) => [name, this.#valueOf(internal(name))]);
      return { file: site.file, closure: { ...site.closure, ...Object.fromEntries(bound) } };
    }
    const { scriptId } = (internal('[[FunctionLocation]]')?.value ?? {}) as { readonly scriptId?: string };
    return {
      file: scriptId === undefined ? undefined : this.#files.get(scriptId),
      closure: this.#closureOf(internal('[[Scopes]]')),
    };
  }

  close(): void {
    this.#call('Debugger.disable');
    this.#session.disconnect();
  }

  #closureOf(scopes: Remote | undefined): Record<string, unknown> {
    if (scopes === undefined) return {};
    const inner: Record<string, unknown> = {};
    for (const { value } of this.#properties(scopes).result) {
      if (value === undefined || !/^(Closure|Block|Catch|With)/.test(value.description ?? '')) continue;
      const { object } = this.#local(value) as { readonly object: object };
      for (const [name, held] of Object.entries(object)) if (!Object.hasOwn(inner, name)) inner[name] = held;
    }
    return inner;
  }

  #valueOf(remote: Remote | undefined): unknown {
    return remote?.objectId === undefined ? remote?.value : this.#local(remote);
  }

  /** The object itself that the session speaks of. */
  #local({ objectId }: Remote): unknown {
    this.#call('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration: `function () { globalThis[Symbol.for('${EXCHANGE}')].held = this; }`,
    });
    const { held } = exchange;
    exchange.held = undefined;
    return held;
  }

  #properties({ objectId }: Remote): Properties {
    return this.#call('Runtime.getProperties', { objectId, ownProperties: true }) as Properties;
  }

  /** In the same process answers come at once. */
  #call(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    this.#session.post(method, parameters, (error, result) => {
      failure = error;
      answer = result;
    });
    if (failure !== null) throw failure;
    return answer;
  }
}

interface Remote {
  readonly objectId?: string;
  readonly description?: string;
  readonly value?: unknown;
}

interface Properties {
  readonly result: readonly { readonly name: string; readonly value?: Remote }[];
  readonly internalProperties?: readonly { readonly name: string; readonly value?: Remote }[];
}

/** The session speaks of objects by ids, so they are passed through a place that both sides see. */
const EXCHANGE = 'millrace.function-sites';
const exchange: { held: unknown } = { held: undefined };
Object.defineProperty(globalThis, Symbol.for(EXCHANGE), { value: exchange, configurable: true });

/** Without what a loader has put behind the name. */
function pathOf(url: string): string | undefined {
  if (url.startsWith('node:')) return undefined;
  const bare = url.replace(/[?#].*$/, '');
  return bare.startsWith('file://')
    ? fileURLToPath(bare)
    : bare.startsWith('/') || /^[A-Za-z]:[\\/]/.test(bare)
      ? bare
      : '';
}
