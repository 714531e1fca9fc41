import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { stopProcess } from '../../scripts/services/service.ts';

const prefix = 'millrace-services-';

/** Gives the run a folder for the services that its tests may start, and stops those at its end. Starts nothing itself. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await clearAbandoned();
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  project.provide('services', folder);
  return () => clear(folder);
}

async function clear(folder: string): Promise<void> {
  const services = await readdir(folder);
  await Promise.all(services.map((service) => stopProcess(join(folder, service))));
  await rm(folder, { recursive: true, force: true });
}

/** Runs that were killed leave their services behind: they are known by their folder, which names the process of the run. */
async function clearAbandoned(): Promise<void> {
  const folders = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  await Promise.all(
    folders
      .filter((name) => !isAlive(Number(name.slice(prefix.length).split('-')[0])))
      .map((name) => clear(join(tmpdir(), name))),
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
