import { MillraceError } from '../lib/model/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import { newestRun, type OpenRun, openRun } from '../lib/runtime/index.ts';
import type { Connections } from './ports.ts';
import type { Settings } from './settings.ts';

/** What Lambda tells a function of its invocation, as far as it is used. */
export interface Invocation {
  getRemainingTimeInMillis(): number;
}

/** A pipeline's run, opened in a function. It stays open for the invocations that follow. */
export interface Deployed {
  readonly open: OpenRun;
  readonly connections: Connections;
}

export type Connect = (settings: Settings) => Promise<Connections>;

/**
 * Opens the newest run. Only the controller creates one: where a stage's function is called before that, it throws `unavailable`, and its event
 * source delivers again. Throws `incompatible` where the bundle holds another pipeline than the environment names.
 */
export async function openDeployed(pipeline: Pipeline, settings: Settings, connect: Connect): Promise<Deployed> {
  if (settings.pipeline !== pipeline.name) {
    throw new MillraceError(
      'incompatible',
      `the function is deployed for pipeline ${settings.pipeline} and holds ${pipeline.name}`,
      { hint: 'deploy code and settings together' },
    );
  }
  const connections = await connect(settings);
  const { ports } = connections;
  if (settings.stage !== undefined && (await newestRun(ports.commits, pipeline.name)) === undefined) {
    throw new MillraceError('unavailable', `pipeline ${pipeline.name} has no run yet`, {
      where: { pipeline: pipeline.name, stage: settings.stage },
      hint: 'the controller creates it within a minute of the deployment; see its log if it does not',
    });
  }
  const open = await openRun(pipeline, ports, {
    durable: true,
    ...(connections.lent === undefined ? {} : { connections: connections.lent }),
    signal: new AbortController().signal,
    runId: `${ports.clock.now()}-${Math.floor(ports.random.next() * 2 ** 32).toString(36)}`,
  });
  return { open, connections };
}

/** Opens at the first call and keeps what was opened; tries again at the next where opening failed. */
export function openOnce<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
