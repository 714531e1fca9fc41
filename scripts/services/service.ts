// What the scripts that install and start local services have in common: where things are kept, one installation at a time,
// ports, and processes that outlive the script and are found again by their folder. Everything listens on loopback.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Why a service cannot be had on this machine: a program is missing, or it cannot be installed. */
export class ServiceMissing extends Error {
  override readonly name = 'ServiceMissing';
}

/** Where programs and data are kept: `MILLRACE_CACHE`, by default `~/.cache/millrace`. */
export const cacheFolder = (): string => process.env['MILLRACE_CACHE'] ?? join(homedir(), '.cache', 'millrace');

/** The path of a program, itself if it is one already, or `ServiceMissing`. */
export function programPath(name: string): string {
  if (isAbsolute(name)) return name;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  throw new ServiceMissing(`${name} is not installed, or not in PATH`);
}

/** Runs a program to its end; `ServiceMissing` with the end of what it said if it fails. */
export function runProgram(
  name: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): string {
  const result = spawnSync(programPath(name), args, { encoding: 'utf8', maxBuffer: 2 ** 26, ...options });
  if (result.status === 0) return result.stdout;
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-5).join('\n');
  throw new ServiceMissing(`${name} failed: ${result.error?.message ?? said}`);
}

/**
 * Runs `work` while no other process is inside the same lock, a folder that is made and removed. A lock that has not been touched
 * for 20 seconds belongs to a process that died, and is taken over.
 */
export async function locked<T>(lock: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(join(lock, '..'), { recursive: true });
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
      const touched = await stat(lock).catch(() => undefined);
      if (touched !== undefined && Date.now() - touched.mtimeMs > 20_000)
        rmSync(lock, { recursive: true, force: true });
      await sleep(50);
    }
  }
  const touch = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), 5_000);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    rmSync(lock, { recursive: true, force: true });
  }
}

/**
 * A folder in the cache that `install` has filled, once for each `stamp`: another stamp, or an installation cut short, begins afresh.
 */
export async function installOnce(
  name: string,
  stamp: string,
  install: (folder: string) => Promise<void> | void,
): Promise<string> {
  const folder = join(cacheFolder(), name);
  const done = join(folder, '.installed');
  const isInstalled = () => existsSync(done) && readFileSync(done, 'utf8') === stamp;
  if (isInstalled()) return folder;
  await locked(`${folder}.lock`, async () => {
    if (isInstalled()) return;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await install(folder);
    await writeFile(done, stamp);
  });
  return folder;
}

/** The jars that a pom file lists, with all they need, in a folder of the cache. Needs Java and Maven. */
export async function installJars(name: string, pom: string): Promise<string> {
  programPath('java');
  return installOnce(name, readFileSync(pom, 'utf8'), (folder) => {
    const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
    runProgram('mvn', ['-B', '-q', '-f', pom, plugin, `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']);
  });
}

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export interface ProcessOptions {
  /** Holds `process.json` and `process.log` beside whatever the service keeps there. */
  readonly folder: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Set over the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether it serves; asked every 50 ms with what it has written since it was started. */
  readonly isReady: (log: string) => boolean | Promise<boolean>;
  /** Milliseconds; default one minute. */
  readonly patience?: number;
}

interface ProcessNote {
  readonly pid: number;
  /** When it was started, by the system: tells it from a later process of the same id. */
  readonly since: string;
}

const noteOf = (folder: string): string => join(folder, 'process.json');

/** Starts a process that outlives this one, and waits until it serves. One that runs already in the folder is left alone. Its id. */
export async function startProcess(options: ProcessOptions): Promise<number> {
  const { folder } = options;
  const running = await processIn(folder);
  if (running !== undefined) return running;
  await mkdir(folder, { recursive: true });
  const logPath = join(folder, 'process.log');
  const log = openSync(logPath, 'w');
  const child = spawn(options.program, options.args, {
    cwd: folder,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code, signal) => {
    failure ??= `it ended with ${signal ?? code}`;
  });
  child.unref();
  const said = () => readFile(logPath, 'utf8').catch(() => '');
  const fail = async (reason: string): Promise<never> => {
    throw new Error(`${options.program} did not start: ${reason}\n${(await said()).split('\n').slice(-30).join('\n')}`);
  };
  if (child.pid === undefined) {
    await sleep(0);
    return fail(failure ?? 'no process');
  }
  const note: ProcessNote = { pid: child.pid, since: startOf(child.pid) ?? '' };
  await writeFile(`${noteOf(folder)}.new`, JSON.stringify(note));
  await rename(`${noteOf(folder)}.new`, noteOf(folder));
  const end = Date.now() + (options.patience ?? 60_000);
  while (Date.now() < end) {
    if (failure !== undefined) {
      await rm(noteOf(folder), { force: true });
      return fail(failure);
    }
    if (await options.isReady(await said())) return child.pid;
    await sleep(50);
  }
  await stopProcess(folder);
  return fail('it was not ready in time');
}

/** The id of the process that was started in a folder and still runs. */
export async function processIn(folder: string): Promise<number | undefined> {
  try {
    const { pid, since } = JSON.parse(await readFile(noteOf(folder), 'utf8')) as ProcessNote;
    return startOf(pid) === since ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Ends the process started in a folder: asks it to, and after `patience` milliseconds (default 20 s; 0 at once) kills it.
 * Does nothing if it does not run.
 */
export async function stopProcess(folder: string, patience = 20_000): Promise<void> {
  const pid = await processIn(folder);
  if (pid !== undefined) {
    const end = Date.now() + patience;
    signal(pid, patience === 0 ? 'SIGKILL' : 'SIGTERM');
    while ((await processIn(folder)) !== undefined) {
      if (Date.now() > end) signal(pid, 'SIGKILL');
      await sleep(20);
    }
  }
  await rm(noteOf(folder), { force: true });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

/** When a living process was started, in the system's own words; undefined if there is none, or it is dead and not yet buried. */
function startOf(pid: number): string | undefined {
  if (existsSync('/proc/self/stat')) {
    try {
      const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, ...fields] = line.slice(line.lastIndexOf(')') + 2).split(' ');
      return state === 'Z' || state === 'X' ? undefined : fields[18];
    } catch {
      return undefined;
    }
  }
  const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
