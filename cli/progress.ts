import type { RunProgress } from '../lib/embedded/index.ts';
import { errorColours, grouped, printError, printJson, timeText } from './terminal.ts';

/** Shows where a run stands, as long as it runs. */
export interface ProgressDisplay {
  update(progress: RunProgress): void;
  /** Makes room for other output. */
  end(): void;
}

/** One line that changes, on a terminal. */
export function terminalProgress(stream: NodeJS.WriteStream): ProgressDisplay {
  let shown = false;
  return {
    update(progress) {
      const line = progressLine(progress);
      const width = stream.columns ?? 80;
      stream.write(`\r\u001b[2K${line.length < width ? line : line.slice(0, width - 1)}`);
      shown = true;
    },
    end() {
      if (shown) stream.write('\r\u001b[2K');
      shown = false;
    },
  };
}

/** Milliseconds between lines where nothing can be overwritten. */
const LINE_PERIOD = 3_000;

/** A line every few seconds, for files and pipes. */
export function plainProgress(): ProgressDisplay {
  let last = 0;
  return {
    update(progress) {
      if (progress.milliseconds - last < LINE_PERIOD) return;
      last = progress.milliseconds;
      printError(progressLine(progress));
    },
    end() {},
  };
}

/** As `plainProgress`, each line JSON on standard output. */
export function jsonProgress(): ProgressDisplay {
  let last = 0;
  return {
    update(progress) {
      if (progress.milliseconds - last < LINE_PERIOD) return;
      last = progress.milliseconds;
      printJson({ event: 'progress', ...progress });
    },
    end() {},
  };
}

/** Shows nothing. */
export const noProgress = (): ProgressDisplay => ({ update() {}, end() {} });

function progressLine(progress: RunProgress): string {
  const { records, recordsPerSecond, eventTime, backlog, openWindows, stateEntries } = progress;
  return [
    `${errorColours.bold(grouped(records))} records`,
    `${grouped(Math.round(recordsPerSecond))}/s`,
    `event time ${timeText(eventTime)}`,
    `lag ${grouped(backlog)}`,
    `${grouped(openWindows)} open windows`,
    `${grouped(stateEntries)} state entries`,
  ].join(' · ');
}
