/** Sinks whose writes cannot be taken back, under a log that is written in groups: what they have written must be what the log still says after a crash. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runEmbedded } from '../../lib/embedded/index.ts';
import { collection, milliseconds, type Pipeline, pipeline, process, type } from '../../lib/index.ts';
import type { SinkConnector } from '../../lib/ports/index.ts';

const ROWS = 300;

/** What outlives the process: rows, and per task the offset of its log up to which they are there, both changed at once. */
interface Broker {
  readonly rows: number[];
  readonly markers: Map<number, number>;
}

function toBroker({ rows, markers }: Broker, written: () => void): SinkConnector<number> {
  return {
    kind: 'broker',
    options: {},
    guarantee: 'exactly-once',
    single: false,
    async open({ task }) {
      return {
        async write({ values, causes, upTo }) {
          const marker = markers.get(task) ?? 0;
          rows.push(...(values as number[]).filter((_, i) => causes[i]! >= marker));
          markers.set(task, upTo);
          written();
          return { upTo };
        },
        async finish() {},
        async close() {},
      };
    },
  };
}

const pass = process('pass', {
  in: type<number>(),
  key: type<number>(),
  out: type<number>(),
  onRecord: (row, context) => context.emit(row),
});

const made = (broker: Broker, written: () => void): Pipeline =>
  pipeline(
    'final',
    (p) => {
      p.source('rows', collection(Array.from({ length: ROWS }, (_, n) => n)))
        .keyBy('by-rest', (n) => n % 5)
        .process(pass)
        .to('out', toBroker(broker, written));
    },
    { parallelism: 2 },
  );

it('12: what a sink has written for good is neither lost nor doubled where the process is killed just after', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-final-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const broker: Broker = { rows: [], markers: new Map() };
  const images: { readonly dataDir: string; readonly left: Broker }[] = [];
  let writes = 0;
  const written = (): void => {
    if (++writes % 7 !== 0 || images.length === 3) return;
    const dataDir = join(folder, `image-${images.length}`);
    cpSync(join(folder, 'data'), dataDir, { recursive: true });
    images.push({ dataDir, left: structuredClone(broker) });
  };
  const run = (dataDir: string, into: Broker, sourceRows: number, then: () => void) =>
    runEmbedded(made(into, then), { dataDir, flushEvery: milliseconds(500), limits: { sourceRows } });
  const all = Array.from({ length: ROWS }, (_, n) => n);
  const sorted = ({ rows }: Broker): number[] => rows.toSorted((a, b) => a - b);

  expect((await run(join(folder, 'data'), broker, 10, written)).kind).toBe('finished');
  expect(sorted(broker)).toEqual(all);
  expect(images.length).toBe(3);
  for (const { dataDir, left } of images) {
    expect((await run(dataDir, left, 7, () => {})).kind).toBe('finished');
    expect(sorted(left)).toEqual(all);
  }
});
