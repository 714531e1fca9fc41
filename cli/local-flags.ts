/** What the commands of `millrace local` are told. */
import { UsageError } from './exit-codes.ts';
import type { CommonOptions } from './terminal.ts';

/** Where a command finds what was started. */
export interface FolderFlags extends CommonOptions {
  readonly folder: string;
}

/** `millrace local up` */
export interface UpFlags extends FolderFlags {
  readonly kafkaPort?: number;
  readonly awsPort?: number;
}

/** Where Kafka and AWS are, if not in the folder. */
export interface CloudFlags extends FolderFlags {
  readonly kafka?: string;
  readonly endpoint?: string;
}

/** How an event source behaves, and what it says. */
export interface EventsFlags {
  readonly badDay?: boolean;
  readonly habit: readonly string[];
  readonly seed?: string;
  readonly concurrency?: number;
  readonly schedule?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** `millrace local events` */
export interface EventsCommandFlags extends CloudFlags, EventsFlags {
  readonly map: readonly string[];
}

/** `millrace local deploy` */
export interface DeployFlags extends CloudFlags, EventsFlags {
  readonly app?: string;
  readonly context: readonly string[];
  readonly partitions: number;
  readonly s3Endpoint?: string;
  readonly mappings: boolean;
  readonly detach?: boolean;
  readonly events: boolean;
}

/** `millrace local destroy` */
export interface DestroyFlags extends CloudFlags {
  readonly s3Endpoint?: string;
}

/** `millrace local down` */
export interface DownFlags extends FolderFlags {
  readonly clean?: boolean;
}

/** A number above 0, as an option's argument. */
export function positive(text: string): number {
  const n = Number(text);
  if (text.trim() !== '' && Number.isFinite(n) && n > 0) return n;
  throw new UsageError(`${text} is no number above 0`);
}
