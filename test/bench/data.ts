/** The benchmarks' input: made once, kept in a cache that may be deleted at any time. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { EventTime } from '../../lib/index.ts';

export interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export interface Bid {
  /** One of a million. */
  readonly auction: number;
  /** One of ten thousand. */
  readonly bidder: string;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly dateTime: EventTime;
  readonly extra: string;
}

const root = join(import.meta.dirname, '../..');
const cache = join(root, 'node_modules/.cache/millrace-bench');

/** Bids come a thousand every 3.6 seconds of event time, three million in three hours, out of order by up to BID_DISORDER. */
const BID_PERIOD = 3.6;
export const BID_DISORDER = 2_000;
export const BID_KEYS = 1_000_000;
const FIRST_BID = Date.UTC(2025, 0, 1);

/** US flights of 2001 in order of departure, from the package vega-datasets; at most 3,000,000. */
export function flightsFile(records: number): Promise<string> {
  return cached(`flights-${records}.jsonl`, async (write) => {
    const file = await asyncBufferFromFile(join(root, 'node_modules/vega-datasets/data/flights-3m.parquet'));
    for (let rowStart = 0; rowStart < records; rowStart += 250_000) {
      const rowEnd = Math.min(rowStart + 250_000, records);
      for (const row of await parquetReadObjects({ file, compressors, rowStart, rowEnd })) {
        const { date, delay, distance, origin, destination } = row as Record<string, unknown>;
        write(JSON.stringify({ date, delay: Number(delay), distance: Number(distance), origin, destination }));
      }
    }
  });
}

/** Made-up bids of about 180 bytes, like those of the Nexmark benchmark. */
export function bidsFile(records: number): Promise<string> {
  return cached(`bids-${records}.jsonl`, async (write) => {
    for (let n = 0; n < records; n++) write(JSON.stringify(bid(n)));
  });
}

/** The n-th bid. */
export function bid(n: number): Bid {
  const a = mix(n);
  const b = mix(a ^ 0x5bd1e995);
  const c = mix(b);
  const inOrder = FIRST_BID + Math.floor(n * BID_PERIOD);
  return {
    auction: a % BID_KEYS,
    bidder: `person-${b % 10_000}`,
    price: (c % 100_000) / 100,
    channel: `channel-${c % 977}`,
    url: `https://www.example.com/item/${a.toString(36)}`,
    dateTime: (inOrder - (b % BID_DISORDER)) as EventTime,
    extra: c.toString(16).padEnd(12, 'x'),
  };
}

async function cached(name: string, make: (write: (line: string) => void) => Promise<void>): Promise<string> {
  const path = join(cache, name);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const fd = openSync(partial, 'w');
  let lines = '';
  await make((line) => {
    lines += `${line}\n`;
    if (lines.length < 1_000_000) return;
    writeSync(fd, lines);
    lines = '';
  });
  writeSync(fd, lines);
  closeSync(fd);
  renameSync(partial, path);
  return path;
}

function mix(n: number): number {
  let x = (n + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
