/** A function's bundle in a process of its own, as Lambda has it: loaded once, called one event after another. */
import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a call came to, and how many milliseconds it took. */
export interface Called {
  readonly error: { readonly kind?: string; readonly message: string } | undefined;
  readonly result: unknown;
  readonly took: number;
}

/** The part of Lambda inside the process. */
const runtime = `
const began = performance.now();
const used = process.cpuUsage();
const { handler } = await import(process.argv[2]);
const { user, system } = process.cpuUsage(used);
process.send({ loaded: performance.now() - began, loadedCpu: (user + system) / 1_000 });
process.on('message', async ({ event, limit }) => {
  const start = performance.now();
  const getRemainingTimeInMillis = () => limit - (performance.now() - start);
  const context = { awsRequestId: 'request', functionName: process.env.AWS_LAMBDA_FUNCTION_NAME, getRemainingTimeInMillis };
  let answer;
  try {
    answer = { result: await handler(event, context) };
  } catch (error) {
    answer = { error: { kind: error.kind, message: error.message } };
  }
  process.send({ ...answer, took: performance.now() - start });
});
`;

type Loaded = Pick<FunctionProcess, 'loaded' | 'loadedCpu'>;

export class FunctionProcess {
  /** Milliseconds until the bundle was loaded. */
  readonly loaded: number;
  /** Milliseconds of a processor that this took. */
  readonly loadedCpu: number;
  readonly #child: ChildProcess;
  #calls: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, { loaded, loadedCpu }: Loaded) {
    this.#child = child;
    this.loaded = loaded;
    this.loadedCpu = loadedCpu;
  }

  /** Starts the module `name` of a bundle with an environment of its own. */
  static async start(
    folder: string,
    name: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<FunctionProcess> {
    const main = join(folder, 'runtime.mjs');
    writeFileSync(main, runtime);
    const child = fork(main, [join(folder, name)], {
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let said = '';
    child.stdout!.on('data', (chunk) => {
      said += chunk;
    });
    child.stderr!.on('data', (chunk) => {
      said += chunk;
    });
    const loaded = await new Promise<Loaded>((resolve, reject) => {
      child.once('message', (message: Loaded) => resolve(message));
      child.once('exit', () => reject(new Error(`the function's process has ended: ${said}`)));
    });
    const started = new FunctionProcess(child, loaded);
    Object.defineProperty(started, 'output', { get: () => said });
    return started;
  }

  /** What it has written. */
  declare readonly output: string;

  call(event: unknown, limit = 60_000): Promise<Called> {
    const call = async (): Promise<Called> => {
      const answer = new Promise<Called>((resolve, reject) => {
        this.#child.once('message', (message: Called) => resolve(message));
        this.#child.once('exit', () => reject(new Error(`the function's process has ended: ${this.output}`)));
      });
      this.#child.send({ event, limit });
      return answer;
    };
    const called = this.#calls.then(call, call);
    this.#calls = called.catch(() => {});
    return called;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
