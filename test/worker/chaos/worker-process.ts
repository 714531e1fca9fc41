/** A worker as a process of its own, to be killed, stopped and woken. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class WorkerProcess {
  readonly name: string;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #lines: string[] = [];
  #asleep = false;

  /** `env`: settings of `millrace worker`. `hear` is told each line that it says. */
  constructor(
    name: string,
    pipeline: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    hear: (line: string) => void = () => {},
  ) {
    this.name = name;
    const command = [join(root, 'cli', 'main.ts'), 'worker', pipeline, ...args];
    this.#child = spawn(join(root, 'node_modules', '.bin', 'node'), command, {
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        const lines = text.split('\n').filter((line) => line !== '');
        for (const line of lines) hear(line);
        this.#lines.push(...lines);
        this.#lines = this.#lines.slice(-200);
      });
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get asleep(): boolean {
    return this.#asleep;
  }

  /** What it said last. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  sleep(): void {
    this.#asleep = true;
    this.#child.kill('SIGSTOP');
  }

  wake(): void {
    this.#asleep = false;
    this.#child.kill('SIGCONT');
  }
}
