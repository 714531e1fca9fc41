/** Enrichment in a data directory, across the death of its process, while what is looked up changes. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toJsonl } from '../../lib/adapters/files/index.ts';
import { runEmbedded } from '../../lib/embedded/index.ts';
import { collection, count, milliseconds, minutes, pipeline } from '../../lib/index.ts';

interface Answer {
  readonly n: number;
  readonly name: string;
}

const N = 300;
const KEYS = 30;

/** What is kept outside: all of it changes at once. */
class Outside {
  version = 1;
  busy = 0;
  most = 0;
  /** Keys asked for in the order of calls. */
  readonly asked: number[] = [];

  async name(key: number): Promise<string> {
    this.asked.push(key);
    this.most = Math.max(this.most, ++this.busy);
    await new Promise((resolve) => setImmediate(resolve));
    this.busy--;
    return `${key} v${this.version}`;
  }
}

function made(folder: string, outside: Outside, moment: (n: number) => void = () => {}) {
  return pipeline(
    'named',
    (p) => {
      const named = p
        .source('in', collection(Array.from({ length: N }, (_, n) => n)))
        .keyBy('by-key', (n) => n % KEYS)
        .lookupJoin(
          'names',
          { key: (n) => n % KEYS, fetch: (key) => outside.name(key), capacity: 3, cache: { ttl: minutes(1) } },
          (n, name): Answer => ({ n, name }),
        );
      named.aggregate('seen', count()).to('seen-out', toJsonl({ path: join(folder, 'seen-{task}.jsonl') }));
      named
        .rebalance('on')
        .map('pass', (answer) => {
          moment(answer.n);
          return answer;
        })
        .to('out', toJsonl({ path: join(folder, 'out-{task}.jsonl') }));
    },
    { parallelism: 2 },
  );
}

const folderFor = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lookups-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const options = (folder: string) => ({
  dataDir: join(folder, 'data'),
  limits: { sourceRows: 10, batchMessages: 1 },
  flushEvery: milliseconds(0),
});

function linesOf<T>(folder: string, name: string): T[] {
  return [0, 1].flatMap((task) =>
    readFileSync(join(folder, `${name}-${task}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as T),
  );
}

describe('lookups in a data directory', () => {
  it('ask at most `capacity` times at once in a task, and once for a key while it is remembered', async () => {
    const folder = folderFor();
    const outside = new Outside();
    expect((await runEmbedded(made(folder, outside), options(folder))).error).toBeUndefined();
    expect(outside.asked.toSorted((a, b) => a - b)).toEqual(Array.from({ length: KEYS }, (_, key) => key));
    expect(outside.most).toBeGreaterThan(1);
    expect(outside.most).toBeLessThanOrEqual(2 * 3);
    expect(linesOf<Answer>(folder, 'out').toSorted((a, b) => a.n - b.n)).toEqual(
      Array.from({ length: N }, (_, n) => ({ n, name: `${n % KEYS} v1` })),
    );
  });

  it.each([7, 60, 150])(
    'stand by committed answers after the process died at record %i, whatever changed since',
    async (at) => {
      const [folder, image] = [folderFor(), folderFor()];
      const outside = new Outside();
      let taken = false;
      /** The answers of which something had been seen when the process died. */
      const seen = new Set<number>();
      const whole = made(folder, outside, (n) => {
        if (taken) return;
        seen.add(n);
        if (n !== at) return;
        taken = true;
        cpSync(folder, image, { recursive: true });
        outside.version = 2;
      });
      expect((await runEmbedded(whole, options(folder))).error).toBeUndefined();
      expect(taken).toBe(true);

      const later = new Outside();
      later.version = 3;
      expect((await runEmbedded(made(image, later), options(image))).error).toBeUndefined();
      const answers = linesOf<Answer>(image, 'out').toSorted((a, b) => a.n - b.n);
      expect(answers.map(({ n }) => n)).toEqual(Array.from({ length: N }, (_, n) => n));
      const versionOf = ({ n, name }: Answer): number => {
        expect(name).toMatch(new RegExp(`^${n % KEYS} v[13]$`));
        return Number(name.slice(-1));
      };
      for (const answer of answers) if (seen.has(answer.n)) expect(versionOf(answer)).toBe(1);
      const old = answers.filter((answer) => versionOf(answer) === 1).length;
      expect(old).toBeGreaterThanOrEqual(seen.size);
      expect(old).toBeLessThan(N);
      const last = linesOf<{ value: number }>(image, 'seen').filter(({ value }) => value === N / KEYS);
      expect(last).toHaveLength(KEYS);
    },
  );
});
