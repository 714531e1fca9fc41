/** The real command as a child process, under the project's own Node. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const node = join(root, 'node_modules', '.bin', 'node');
const main = join(root, 'cli', 'main.ts');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** What standard input brings before it ends; `open`: nothing, and it does not end. */
  readonly input?: string | { readonly open: true };
}

type Cleanup = (work: () => void) => void;

/** A folder of a test's own, and the command in it; both end with the test. */
export class Workplace {
  readonly cwd = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
  readonly #cleanup: Cleanup;

  constructor({ onTestFinished }: { readonly onTestFinished: Cleanup }) {
    this.#cleanup = onTestFinished;
    onTestFinished(() => rmSync(this.cwd, { recursive: true, force: true }));
  }

  /** Runs `millrace ...args` to its end. */
  millrace(args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
    return this.start(args, surroundings).ended;
  }

  /** Starts `millrace ...args`. */
  start(args: readonly string[], { env, input }: Surroundings = {}): Running {
    const {
      npm_lifecycle_event: _event,
      npm_lifecycle_script: _script,
      FORCE_COLOR: _colour,
      ...inherited
    } = process.env;
    const child = spawn(node, [main, ...args], {
      cwd: this.cwd,
      env: { ...inherited, NO_COLOR: '1', ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    if (typeof input === 'string') child.stdin?.end(input);
    this.#cleanup(() => void child.kill('SIGKILL'));
    return new Running(child);
  }

  path(...parts: readonly string[]): string {
    return join(this.cwd, ...parts);
  }
}

export class Running {
  readonly ended: Promise<Outcome>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #changed = (): void => {};

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#changed();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#changed();
    });
    this.ended = new Promise((done) =>
      child.on('close', (code, signal) => done({ code, signal, stdout: this.#stdout, stderr: this.#stderr })),
    );
  }

  /** What it has printed so far. */
  get text(): string {
    return this.#stdout + this.#stderr;
  }

  /** Resolves when the process has printed something that fits; rejects if it ends before. */
  async prints(pattern: RegExp): Promise<void> {
    const ended = this.ended.then((outcome) => outcome);
    while (!pattern.test(this.#stdout + this.#stderr)) {
      const change = new Promise<undefined>((wake) => {
        this.#changed = () => wake(undefined);
      });
      const outcome = await Promise.race([change, ended]);
      if (outcome !== undefined && !pattern.test(this.#stdout + this.#stderr)) {
        throw new Error(`it ended before it printed ${pattern}: ${JSON.stringify(outcome)}`);
      }
    }
  }

  kill(signal: NodeJS.Signals): Promise<Outcome> {
    this.#child.kill(signal);
    return this.ended;
  }
}
