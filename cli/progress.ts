import { stripVTControlCharacters } from 'node:util';
import type { RunProgress } from '../lib/embedded/index.ts';
import { counted, errorColours, grouped, printError, printJson, timeText } from './terminal.ts';

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
      stream.write(`\r\u001b[2K${progressLine(progress, (stream.columns || 80) - 1)}`);
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

/** The facts, as many as fit, the most wanted first. */
function progressLine(progress: RunProgress, width = Number.POSITIVE_INFINITY): string {
  const { records, recordsPerSecond, eventTime, backlog, openWindows, stateEntries, tasksDone } = progress;
  const facts = [
    `${errorColours.bold(grouped(records))} records`,
    `${grouped(Math.round(recordsPerSecond))}/s`,
    `event time ${eventTime === undefined && tasksDone > 0 ? 'over' : minuteText(eventTime)}`,
    `lag ${grouped(backlog)}`,
    counted(openWindows, 'open window'),
    `${grouped(stateEntries)} in state`,
  ];
  while (facts.length > 1 && stripVTControlCharacters(facts.join(BETWEEN)).length > width) facts.pop();
  return facts.join(BETWEEN);
}

const BETWEEN = '  ';

const minuteText = (time: number | undefined): string =>
  timeText(time)
    .replace('T', ' ')
    .replace(/:\d\dZ$/, '');
