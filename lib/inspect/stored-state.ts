/** Keyed state as the stores hold it, read without the code that wrote it: values are what operators keep, not what they hand out. */
import { describeKey, type KeyId, MillraceError, type TaskId, taskName } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { ByteReader, type Commit, chainOf } from '../protocol/index.ts';
import { blobPrefix, decodeBody } from '../runtime/index.ts';
import { type CellVisitor, decodeCells, type KeyedStore, NEVER, REMOVED, Snapshots, type Sub } from '../state/index.ts';
import type { ReadPorts, StoredRun } from './stored-run.ts';
import { type AsOf, asOf } from './table-rows.ts';

/** One value of keyed state. */
export interface StateEntry {
  readonly task: string;
  readonly operator: string;
  /** The state's name; names of states that operators keep for themselves begin with `$`. */
  readonly state: string;
  /** As text: a string as it is, anything else in its canonical form, which for tuples and objects is JSON. */
  readonly key: string;
  /** What tells entries of a key apart: a window, a map's key, a timer. */
  readonly sub: string | number | bigint | undefined;
  readonly value: unknown;
  /** When its timer is due, milliseconds since the epoch. */
  readonly timer: number | undefined;
  /** The watermark of the task's commit that it is as of. */
  readonly asOf: AsOf;
}

/** Which entries are wanted; everything that is not given. */
export interface StateQuery {
  readonly operator?: string;
  readonly state?: string;
  /** A key as text, see `StateEntry`. */
  readonly key?: string;
  /** Keys at or after this one: numbers by value, others as text. */
  readonly from?: string;
  /** Keys before this one. */
  readonly to?: string;
  /** Entries whose `sub` is a number, at or after this one: windows by where they begin or end, as their operator tells them apart. */
  readonly subFrom?: number;
  /** Those before this one. */
  readonly subTo?: number;
  /** At most so many entries. Default: all. */
  readonly limit?: number;
}

/**
 * The state that stores hold of a run, entries of a key together. Throws `unavailable` where the stores keep none (a run in memory: see `liveState`) and
 * `invalid-pipeline` for an operator that the pipeline does not have.
 */
export async function storedState(ports: ReadPorts, run: StoredRun, query: StateQuery = {}): Promise<StateEntry[]> {
  const { record, plan } = run;
  if (ports.commits.volatile) throw new MillraceError('unavailable', 'this run keeps no state outside its tasks');
  const stages = stagesOf(plan, query.operator);
  const found: StateEntry[] = [];
  for (const task of record.tasks) {
    if (!stages.has(task.stage)) continue;
    const room = (query.limit ?? Number.POSITIVE_INFINITY) - found.length;
    if (room <= 0) break;
    found.push(...(await entriesOf(ports, run, task, { ...query, limit: room })));
  }
  return found;
}

/** The state of a task in this process. */
export function liveState(
  task: TaskId,
  { store, watermark }: { readonly store: KeyedStore; readonly watermark: number },
  query: StateQuery = {},
): StateEntry[] {
  const cells = new Cells(task, query, asOf(watermark));
  for (const table of store.tables) {
    for (const cell of table.cells()) cells.visit(table.name, 1, cell.key, cell.sub, cell.timer, cell.value);
  }
  return cells.entries();
}

async function entriesOf(ports: ReadPorts, run: StoredRun, task: TaskId, query: StateQuery): Promise<StateEntry[]> {
  const cells = new Cells(task, query, 'none');
  cells.asOf = await visitCells(ports, run, task, cells.visit);
  return cells.entries();
}

/**
 * Shows all cells of a task as of its newest commit, older values of a cell before newer ones; returns the watermark. Throws `unavailable` while the commits are being
 * written over.
 */
export async function visitCells(
  ports: ReadPorts,
  { record }: StoredRun,
  task: TaskId,
  visit: CellVisitor,
): Promise<AsOf> {
  const found = chainOf(await ports.commits.slots(record.id, task));
  if (found.kind === 'none') return 'none';
  if (found.kind === 'incomplete') {
    throw new MillraceError('unavailable', `the state of ${taskName(task)} is being written`, { hint: 'try again' });
  }
  const { snapshot, watermark } = found.newest.header;
  if (snapshot !== undefined) {
    const prefix = blobPrefix({ run: record, task });
    await new Snapshots({ blobs: ports.blobs, prefix, nonce: () => '' }).load(snapshot, visit);
  }
  for (const commit of found.chain) {
    const body = decodeBody(await bodyOf(ports, commit));
    if (body.cells.length > 0) decodeCells(new ByteReader(body.cells), visit);
  }
  return asOf(watermark);
}

async function bodyOf({ blobs }: ReadPorts, { body }: Commit): Promise<Uint8Array> {
  if (body.kind === 'inline') return body.bytes();
  const bytes = await blobs.get(body.name);
  if (bytes !== undefined) return bytes;
  throw new MillraceError('unavailable', `the blob ${body.name} is gone`, {
    hint: 'try again: it may just have been replaced',
  });
}

/** Gathers the cells that a query asks for, later ones over earlier ones. */
class Cells {
  readonly #task: string;
  readonly #query: StateQuery;
  asOf: AsOf;
  readonly #found = new Map<
    string,
    Map<string, { readonly sub: Sub; readonly value: unknown; readonly timer: number }>
  >();

  constructor(task: TaskId, query: StateQuery, asOf: AsOf) {
    this.asOf = asOf;
    this.#task = taskName(task);
    this.#query = query;
  }

  readonly visit: CellVisitor = (table, _version, key, sub, timer, value) => {
    const [operator, state] = nameOf(table);
    const { operator: wantedOperator, state: wantedState, key: wantedKey } = this.#query;
    if (wantedOperator !== undefined && operator !== wantedOperator) return;
    if (wantedState !== undefined && state !== wantedState) return;
    const text = describeKey(key);
    if (wantedKey !== undefined && text !== wantedKey) return;
    if (!isWithin(key, text, sub, this.#query)) return;
    const place = `${table}\n${text}`;
    const cells = this.#found.get(place) ?? new Map();
    this.#found.set(place, cells);
    if (value === REMOVED) cells.delete(subText(sub));
    else cells.set(subText(sub), { sub, value, timer });
  };

  entries(): StateEntry[] {
    const limit = this.#query.limit ?? Number.POSITIVE_INFINITY;
    const entries: StateEntry[] = [];
    for (const [place, cells] of this.#found) {
      const [table, key] = split(place, '\n');
      const [operator, state] = nameOf(table);
      for (const { sub, value, timer } of cells.values()) {
        if (entries.length >= limit) return entries;
        const shown = typeof sub === 'string' ? describeKey(sub) : sub;
        entries.push({
          task: this.#task,
          operator,
          state,
          key,
          sub: shown,
          value,
          timer: timer === NEVER ? undefined : timer,
          asOf: this.asOf,
        });
      }
    }
    return entries;
  }
}

function isWithin(key: KeyId, text: string, sub: Sub, { from, to, subFrom, subTo }: StateQuery): boolean {
  const isBefore = (bound: string): boolean => (typeof key === 'string' ? text < bound : Number(key) < Number(bound));
  if ((from !== undefined && isBefore(from)) || (to !== undefined && !isBefore(to))) return false;
  if (subFrom === undefined && subTo === undefined) return true;
  return typeof sub === 'number' && sub >= (subFrom ?? sub) && sub < (subTo ?? Number.POSITIVE_INFINITY);
}

const subText = (sub: KeyId | undefined): string => (sub === undefined ? '' : `${typeof sub} ${String(sub)}`);
const nameOf = (table: string): [operator: string, state: string] => split(table, '/');

function split(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + by.length)];
}

/** The stages whose tasks may hold state of the operator. */
function stagesOf(plan: Plan, operator: string | undefined): ReadonlySet<string> {
  if (operator === undefined) return new Set(plan.stages.map(({ id }) => id));
  const stages = plan.stages.filter(({ nodes }) => nodes.includes(operator)).map(({ id }) => id);
  if (stages.length > 0) return new Set(stages);
  const stateful = plan.nodes.filter((node) => node.kind === 'operator' && node.stateful).map(({ id }) => id);
  throw new MillraceError('invalid-pipeline', `the pipeline ${plan.pipeline} has no operator ${operator}`, {
    where: { pipeline: plan.pipeline },
    hint: stateful.length === 0 ? 'none of its operators has state' : `those with state are ${stateful.join(', ')}`,
  });
}
