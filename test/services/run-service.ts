import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { locked, ServiceMissing } from '../../scripts/services/service.ts';

/** A service that all tests of one vitest run use together: the first that asks starts it, the run's end stops it. */
export interface SharedService<Running extends RunningService = RunningService> {
  /** Names its folder; a word. */
  readonly name: string;
  /**
   * Installs it if need be and starts it in `folder` by `startProcess` of `scripts/services`, which notes the process there; the
   * run's end stops what is noted in the folder. `ServiceMissing` if this machine cannot run it.
   */
  start(folder: string): Promise<Running>;
}

/** How to reach it, as data. */
export interface RunningService {
  /** `host:port`, or a URL. */
  readonly address: string;
}

export type UsableService<Running extends RunningService = RunningService> =
  | { readonly running: Running; readonly missing?: undefined }
  /** Why tests that need it are skipped. */
  | { readonly running?: undefined; readonly missing: string };

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder of this run's services, made by `global-setup.ts`. */
    services: string;
  }
}

/**
 * The running service, or the reason why this machine cannot have it. With `CI=true` a missing service is an error.
 * Await it at the top of a test file, so that tests can be skipped by it:
 *
 *     const kafka = await useService(kafkaBroker);
 *     describe.skipIf(kafka.missing)(`KafkaLog${skipNote(kafka.missing)}`, () => ...kafka.running!.address...
 */
export async function useService<Running extends RunningService>(
  service: SharedService<Running>,
): Promise<UsableService<Running>> {
  const folder = join(inject('services'), service.name);
  const note = join(folder, 'usable.json');
  const usable = await locked(`${folder}.lock`, async () => {
    if (existsSync(note)) return JSON.parse(await readFile(note, 'utf8')) as UsableService<Running>;
    await mkdir(folder, { recursive: true });
    const started = await startedIn(service, folder);
    await writeFile(note, JSON.stringify(started));
    return started;
  });
  if (usable.missing !== undefined && process.env['CI'] === 'true') {
    throw new Error(`${service.name} is needed where CI=true: ${usable.missing}`);
  }
  return usable;
}

async function startedIn<Running extends RunningService>(
  service: SharedService<Running>,
  folder: string,
): Promise<UsableService<Running>> {
  try {
    return { running: await service.start(folder) };
  } catch (thrown) {
    if (thrown instanceof ServiceMissing) return { missing: thrown.message };
    throw thrown;
  }
}
