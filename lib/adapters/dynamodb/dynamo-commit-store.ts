import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { MillraceError, type TaskId, taskName } from '../../model/index.ts';
import type { CommitStore, KnownVersion, PipelineRecord, SlotExpectation, Telemetry } from '../../ports/index.ts';
import { type Body, type Commit, type CommitHeader, dataFromJson, dataToJson } from '../../protocol/index.ts';
import { type Item, ItemTable } from './item-table.ts';

export interface DynamoCommitStoreOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly telemetry: Telemetry;
  /**
   * Largest body that stands in its commit's item; at most 300,000, which leaves room for a header of 100,000 in the 400 KB of an item. Default:
   * 64,000. A kilobyte written here costs as much as an eighth of a put to S3, takes milliseconds instead of tens of them, and counts towards the
   * thousand kilobytes a second that one task may write.
   */
  readonly maxInlineBytes?: number;
}

const SLOT_DIGITS = 6;
const NOTHING = new Uint8Array(0);

/**
 * Commits in a DynamoDB table with the keys `pk` and `sk`, both strings: one item a slot under its task's `pk`, and a pipeline's records under its own. Header and records are
 * JSON text, to be read by people too.
 *
 * Every read is consistent and every write conditional. A put throws `unavailable` where nobody knows what became of it.
 */
export class DynamoCommitStore implements CommitStore {
  readonly volatile = false;
  readonly maxInlineBytes: number;
  readonly #table: ItemTable;
  /** Per task, the newest header that was seen: a version's header never changes. */
  readonly #heads = new Map<string, CommitHeader>();

  constructor({ client, table, telemetry, maxInlineBytes = 64_000 }: DynamoCommitStoreOptions) {
    this.#table = new ItemTable(client, table, telemetry);
    this.maxInlineBytes = Math.min(maxInlineBytes, 300_000);
  }

  async put(
    run: string,
    task: TaskId,
    slot: number,
    commit: Commit,
    expect: SlotExpectation,
  ): Promise<'committed' | 'lost'> {
    const pk = taskKey(run, task);
    const condition = expect === 'absent' ? expect : { attribute: 'version', is: expect };
    const outcome = await this.#table.put('put', { pk, sk: slotKey(slot) }, itemOf(commit), condition);
    if (outcome.kind === 'put') {
      this.#heads.set(pk, commit.header);
      return 'committed';
    }
    if (outcome.attempts > 1 && versionOf(outcome.found) > commit.header.version) {
      throw new MillraceError(
        'unavailable',
        `nobody knows whether version ${commit.header.version} of ${taskName(task)} was committed: its slot was used again`,
      );
    }
    return 'lost';
  }

  async slots(run: string, task: TaskId): Promise<readonly Commit[]> {
    const items = await this.#table.query('slots', { pk: taskKey(run, task), prefix: SLOTS });
    return items.map((item) => ({ header: this.#header(item), body: bodyOf(item) }));
  }

  async versions(run: string, task: TaskId, versions: readonly number[], slots: number): Promise<readonly Commit[]> {
    const pk = taskKey(run, task);
    const items = await Promise.all(
      versions.map((version) => this.#table.get('versions', { pk, sk: slotKey(version % slots) })),
    );
    return items.flatMap((item, i) =>
      item === undefined || versionOf(item) !== versions[i] ? [] : [{ header: this.#header(item), body: bodyOf(item) }],
    );
  }

  async head(run: string, task: TaskId, known?: KnownVersion): Promise<CommitHeader | undefined> {
    const pk = taskKey(run, task);
    const near = known === undefined ? undefined : await this.#lookOn(pk, known);
    const head = near ?? (await this.#newest(pk));
    if (head === undefined) this.#heads.delete(pk);
    else this.#heads.set(pk, head);
    return head;
  }

  /**
   * The newest version by looking at few slots after the newest that was seen here: at ever larger steps, then between the last that is there and the first
   * that is not. Undefined if that was older than the known one, or the slots do not hold what they must.
   */
  async #lookOn(pk: string, { version, slots }: KnownVersion): Promise<CommitHeader | undefined> {
    const seen = this.#heads.get(pk);
    if (seen === undefined || seen.version < version) return undefined;
    let head = seen;
    let step = 1;
    /** The first version after `head` that is known not to be there. */
    let missing: number | undefined;
    while (missing !== head.version + 1) {
      const next: number =
        missing === undefined ? head.version + step : head.version + Math.floor((missing - head.version) / 2);
      const item = await this.#slot(pk, next, slots);
      const found = versionOf(item);
      if (item !== undefined && found >= next && (found - next) % slots === 0) {
        head = this.#header(item);
        if (found > next) missing = undefined;
        step = found > next ? 1 : Math.max(1, Math.min(2 * step, slots - 1));
      } else if (found === (next < slots ? ABSENT : next - slots)) missing = next;
      else return undefined;
    }
    // Nothing was found here: an empty slot of the first round would not tell that all the others are empty too.
    const isProven =
      head !== seen || missing >= slots || versionOf(await this.#slot(pk, seen.version, slots)) === seen.version;
    return isProven ? head : undefined;
  }

  #slot(pk: string, version: number, slots: number): Promise<Item | undefined> {
    return this.#table.get('head', { pk, sk: slotKey(version % slots) }, ['version', 'header']);
  }

  async #newest(pk: string): Promise<CommitHeader | undefined> {
    const items = await this.#table.query('head', { pk, prefix: SLOTS, attributes: ['version', 'header'] });
    let newest: Item | undefined;
    for (const item of items) if (versionOf(item) > versionOf(newest)) newest = item;
    return newest === undefined ? undefined : this.#header(newest);
  }

  async createRecord(pipeline: string, name: string, value: unknown): Promise<'created' | 'exists'> {
    const key = { pk: pipelineKey(pipeline), sk: RECORD + name };
    const { kind } = await this.#table.put('create', key, { value: { S: dataToJson(value) } }, 'absent');
    return kind === 'put' ? 'created' : 'exists';
  }

  async records(pipeline: string, prefix: string, last?: number): Promise<readonly PipelineRecord[]> {
    const range = { pk: pipelineKey(pipeline), prefix: RECORD + prefix };
    const items = await this.#table.query('records', last === undefined ? range : { ...range, last });
    return items.map((item) => ({
      name: item['sk']!.S!.slice(RECORD.length),
      value: this.#parse(item['value']?.S),
    }));
  }

  #header(item: Item): CommitHeader {
    return this.#parse(item['header']?.S) as CommitHeader;
  }

  #parse(text: string | undefined): unknown {
    try {
      return dataFromJson(text!);
    } catch (thrown) {
      throw new MillraceError('data-lost', `an item of table ${this.#table.name} cannot be understood`, {
        cause: thrown,
        hint: 'something else writes to the table, or has; restore it from a backup',
      });
    }
  }
}

const taskKey = (run: string, { stage, partition }: TaskId): string =>
  `task/${encodeURIComponent(run)}/${encodeURIComponent(stage)}/${partition}`;
const pipelineKey = (pipeline: string): string => `pipeline/${pipeline}`;
const RECORD = 'record/';
const SLOTS = 'slot/';
const slotKey = (slot: number): string => SLOTS + String(slot).padStart(SLOT_DIGITS, '0');

/** In the place of a version where there is no item. */
const ABSENT = -1;
const versionOf = (item: Item | undefined): number => Number(item?.['version']?.N ?? ABSENT);

function itemOf({ header, body }: Commit): Item {
  return {
    version: { N: String(header.version) },
    header: { S: dataToJson(header) },
    ...(body.kind === 'inline' ? { body: { B: body.bytes() } } : { blob: { S: body.name } }),
  };
}

function bodyOf(item: Item): Body {
  const name = item['blob']?.S;
  if (name !== undefined) return { kind: 'blob', name };
  const bytes = item['body']?.B ?? NOTHING;
  return { kind: 'inline', bytes: () => bytes };
}
