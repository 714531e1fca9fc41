import { readStopRequest, removeStopRequest, type StopRequest, writeStopRequest } from '../adapters/directory/index.ts';
import { isInUse } from '../adapters/sqlite/index.ts';
import { systemClock } from '../adapters/system/index.ts';
import { type Duration, MillraceError } from '../model/index.ts';

const PERIOD = 100 as Duration;

/**
 * Asks the process that runs on a data directory to stop, or to drain, and waits until it has let go of the directory. Throws `unavailable` if there is no
 * such process, and the signal's reason if that is aborted first: the request stands then. A process that takes the place of one that dies is asked too.
 */
export async function stopDirectory(dataDir: string, request: StopRequest, signal?: AbortSignal): Promise<void> {
  if (!isInUse(dataDir)) {
    throw new MillraceError('unavailable', `no process runs on the data directory ${dataDir}`, {
      where: { file: dataDir },
      retry: false,
      hint: 'there is nothing to stop; millrace status shows where its run stands',
    });
  }
  do {
    if (readStopRequest(dataDir) !== request) writeStopRequest(dataDir, request);
    await systemClock.sleep(PERIOD, signal);
  } while (isInUse(dataDir));
  removeStopRequest(dataDir);
}
