/** The script that asks a real account, asking an emulator whose answers are known. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../scripts/real-account/question.ts';
import { questions } from '../../scripts/real-account/questions.ts';
import { useMinistack } from '../services/aws.ts';
import { useKafka } from '../services/kafka.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [kafka, aws] = await Promise.all([useKafka(), useMinistack()]);
const missing = kafka.missing ?? aws.missing;

/** What millrace's local event source, DynamoDB and S3 of the emulator are known to do. */
const expected: Readonly<Record<string, RegExp>> = {
  access: /^yes/,
  'new-code': /version 1 can still be called/,
  'record-forms':
    /a tombstone's value is null, an empty value empty, a missing key null, no headers \[\]; .*\[0,127,-128,-1\]/,
  'aborted-transactions': /^yes/,
  'failing-deliveries': /^4 attempts, each with the same records, .* waited$/,
  'time-outs': /its process was not called again/,
  's3-races': /^20 of 20 races had one winner/,
  'dynamodb-races': /^20 of 20 races had one winner/,
  'order-and-overlap': / 0 out of order, 0 again after success, .* 0 overlaps$/,
};

async function answers(...ids: readonly string[]): Promise<Readonly<Record<string, Answer>>> {
  const where = ['--brokers', kafka.running!.address, '--endpoint', aws.running!.address];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['scripts/real-account.ts', ...where, '--timeout', '8', '--json', '--only', ids.join(',')],
    { cwd: root, timeout: 880_000 },
  );
  return JSON.parse(stdout) as Readonly<Record<string, Answer>>;
}

describe.skipIf(missing)(`the script${missing === undefined ? '' : ` (${missing})`}`, () => {
  it('finds of the local event source what is known of it', async () => {
    const found = await answers(...Object.keys(expected));
    for (const [id, text] of Object.entries(expected)) expect.soft(found[id]?.text, id).toMatch(text);
    expect(Object.entries(found).filter(([, { holds }]) => holds === false)).toEqual([]);
  }, 900_000);
});

describe('the document', () => {
  const document = readFileSync(`${root}/docs/real-account.md`, 'utf8');
  const headings = [...document.matchAll(/^### (.*) \(`([a-z0-9-]+)`\)$/gm)].map(([, text, id]) => ({ id, text }));

  it('holds every question that the script asks, in its words, and no other', () => {
    const byId = (a: { id?: string | undefined }, b: { id?: string | undefined }) => (a.id! < b.id! ? -1 : 1);
    expect(headings.toSorted(byId)).toEqual(questions.map(({ id, text }) => ({ id, text })).toSorted(byId));
  });

  it('says of each what is assumed, what follows if that is wrong, and how it is found out', () => {
    const parts = document.split(/^### /m).slice(1);
    for (const part of parts) {
      for (const label of ['Assumed:', 'If not:', 'Found out by:']) {
        expect.soft(part.includes(`**${label}**`), `${part.split('\n')[0]}: ${label}`).toBe(true);
      }
    }
  });
});
