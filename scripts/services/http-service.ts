// What services with one HTTP port have in common: the port that a folder keeps, and the command line.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder, freePorts, processIn, stopProcess } from './service.ts';

export interface HttpServiceOptions {
  /** Where its data and log are kept. */
  readonly folder: string;
  /** Default: the one it had before if it was started in this folder before, otherwise any free port. */
  readonly port?: number;
}

export interface HttpService {
  /** Begins with `http://`. */
  readonly address: string;
  readonly pid: number;
}

/** The port of the service in a folder, which stays the same from start to start. */
export async function portIn({ folder, port }: HttpServiceOptions): Promise<number> {
  const file = join(folder, 'port');
  if (port === undefined && existsSync(file)) return Number(await readFile(file, 'utf8'));
  const chosen = port ?? (await freePorts(1))[0]!;
  await mkdir(folder, { recursive: true });
  await writeFile(file, String(chosen));
  return chosen;
}

/** Whether anything answers at the address, whatever it says. */
export const answers = (address: string): Promise<boolean> =>
  fetch(address, { signal: AbortSignal.timeout(2_000) }).then(
    async (response) => {
      await response.body?.cancel();
      return true;
    },
    () => false,
  );

/** The orders `start`, `stop` and `clean` of a service's script. */
export async function obey(
  name: string,
  usualPort: number,
  start: (options: HttpServiceOptions) => Promise<HttpService>,
): Promise<void> {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { port: { type: 'string', default: String(usualPort) }, folder: { type: 'string' } },
    });
    const port = Number(values.port);
    const folder = values.folder ?? join(cacheFolder(), `${name}-${port}`);
    const [order = 'start'] = positionals;
    if (order === 'start') {
      const before = await processIn(folder);
      const { address, pid } = await start({ folder, port });
      const serves = before === undefined ? 'serves' : 'already serves';
      console.log(`${name} ${serves} on ${address} (process ${pid}, data in ${folder})`);
    } else if (order === 'stop' || order === 'clean') {
      await stopProcess(folder);
      if (order === 'clean') await rm(folder, { recursive: true, force: true });
    } else {
      throw new Error(`unknown order: ${order}; start, stop or clean`);
    }
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : thrown);
    process.exitCode = 1;
  }
}
