/** How one process asks another, which runs on a data directory, to end: a file in that directory. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { directoryError, hasCode } from './directory-error.ts';

/** `stop`: to go on later. `drain`: for good; sources end where they stand, and everything behind them closes. */
export type StopRequest = 'stop' | 'drain';

const fileIn = (directory: string): string => join(directory, 'stop-request');

/** Asks. Of two requests the later one counts. */
export function writeStopRequest(directory: string, request: StopRequest): void {
  const file = fileIn(directory);
  try {
    writeFileSync(`${file}.new`, `${request}\n`);
    renameSync(`${file}.new`, file);
  } catch (thrown) {
    throw directoryError(thrown, file);
  }
}

/** What is asked, if anything is. */
export function readStopRequest(directory: string): StopRequest | undefined {
  const file = fileIn(directory);
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === 'stop' || text === 'drain' ? text : undefined;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return undefined;
    throw directoryError(thrown, file);
  }
}

/** Takes back what was asked. */
export function removeStopRequest(directory: string): void {
  const file = fileIn(directory);
  try {
    rmSync(file, { force: true });
  } catch (thrown) {
    throw directoryError(thrown, file);
  }
}
