/** Where a run lives that a command looks at: in a data directory, or in Kafka, a table and a bucket. */
import type { Command } from 'commander';
import { viewDirectory } from '../lib/embedded/index.ts';
import type { ReadPorts } from '../lib/inspect/index.ts';
import { UsageError } from './exit-codes.ts';
import { addStoresOptions, hasStores, type StoresFlags, storesOf } from './stores-options.ts';

/** Options of commands that look at a run. */
export interface WhereFlags extends StoresFlags {
  readonly pipeline?: string;
}

/** A run's stores, open for reading. */
export interface View extends ReadPorts {
  close(): void;
}

/** Adds the options that say where, beside an argument `[data-dir]`. */
export function addWhere(command: Command): Command {
  command.option('-p, --pipeline <name>', 'of which pipeline, where there is state of several');
  return addStoresOptions(command);
}

/** Opens what was said. Throws `UsageError` if nothing was, or both. */
export async function openView(dataDir: string | undefined, flags: WhereFlags): Promise<View> {
  if (dataDir !== undefined && hasStores(flags)) {
    throw new UsageError(`a data directory was given (${dataDir}), and other stores too`, 'give one of the two');
  }
  if (dataDir !== undefined) return viewDirectory(dataDir);
  const { connectStores } = await import('../lib/worker/index.ts');
  const { silentTelemetry } = await import('../lib/adapters/telemetry/index.ts');
  return connectStores(storesOf(flags), silentTelemetry);
}

/** How a person would say it again. */
export const whereText = (dataDir: string | undefined): string => dataDir ?? '--kafka ... --table ... --bucket ...';
