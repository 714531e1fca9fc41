/**
 * Looks at everything that is appended, committed and deleted, as it happens, and says which invariant does not hold. The numbers are those of the
 * protocol's list of invariants.
 */
import { comparePositions, MIN_TIME, NOTHING, type Position, type TaskId, taskName } from '../../model/index.ts';
import type { Plan, StagePlan } from '../../plan/index.ts';
import { type ChannelState, type Claims, channelName, type Frame } from '../../protocol/index.ts';
import { decodeBody, type Sheet } from '../../runtime/index.ts';
import { decodeManifest } from '../../state/index.ts';
import type { StoredCommit } from './stored-commits.ts';
import type { StoredMessage } from './stored-log.ts';
import type { World } from './world.ts';

export interface WitnessOptions {
  /** All records keep to their source's bound, and event time follows the wall clock: none may ever find itself late. */
  readonly inBound: boolean;
  /** A task may stop. */
  readonly mayStop: boolean;
  /** The epoch of the code that a version of the pipeline has of a stage. */
  epochOf(version: number, stage: string): number;
  /** Whether the run is known to have the task. */
  knows(task: TaskId): boolean;
}

interface Spoken {
  thru: Position;
  readonly claims: { readonly prev: Position; readonly watermark: number }[];
  readonly records: { readonly position: Position; readonly time: number }[];
}

interface Known {
  version: number;
  nextOffset: number;
  watermark: number;
  epoch: number;
  snapshot: number;
  base: number;
  channels: ReadonlyMap<string, ChannelState>;
}

const text = ({ cause, k }: Position): string => `(${cause}, ${k === Number.POSITIVE_INFINITY ? 'all' : k})`;

export class Witness {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #options: WitnessOptions;
  readonly #stages = new Map<string, StagePlan>();
  /** What a partition's log says of each channel. */
  readonly #logs = new Map<string, Map<string, Spoken>>();
  readonly #known = new Map<string, Known>();

  constructor(world: World, plan: Plan, options: WitnessOptions) {
    this.#world = world;
    this.#plan = plan;
    this.#options = options;
    for (const stage of plan.stages) if (stage.source === undefined) this.#stages.set(stage.topic, stage);
  }

  appended(topic: string, partition: number, { offset, message }: StoredMessage): void {
    const stage = this.#stages.get(topic);
    if (stage === undefined) return;
    const task = { stage: stage.id, partition };
    if (message.kind === 'frame') this.#frame(task, offset, message);
    else if (message.kind === 'claims') this.#claims(task, offset, message);
  }

  put(commit: StoredCommit, by: number | undefined): void {
    const { header } = commit;
    const { task } = header;
    const name = taskName(task);
    const before = this.#known.get(name);
    const say = (invariant: string, message: string) =>
      this.#world.violate(invariant, `${name} version ${header.version}: ${message}`);
    if (header.version !== (before?.version ?? -1) + 1) {
      say('1 at most one writer commits a version', `follows version ${before?.version}`);
    }
    if (header.version > 0 && !this.#options.knows(task)) {
      say('a task works once its run is known to have it', 'its commits could not be told from none, were they lost');
    }
    this.#chain(commit, say);
    const bytes = commit.bytes ?? this.#world.blobs.get(commit.blob!);
    if (bytes === undefined) {
      say('2 the chain is complete in the store', `its delta ${commit.blob} is not there`);
      return;
    }
    const { sheet } = decodeBody(bytes);
    const channels = new Map(sheet.channels.map((state) => [channelName(state.edge, state.task), state]));
    this.#position(commit, before, by, say);
    this.#time(commit, before, say);
    if (header.version > 0) this.#outputs(task, sheet, say);
    for (const [channel, state] of before?.channels ?? []) {
      const now = channels.get(channel);
      if (now !== undefined && comparePositions(now.thru, state.thru) >= 0) continue;
      say('6 thru never falls', `channel ${channel} was at ${text(state.thru)}, is at ${text(now?.thru ?? NOTHING)}`);
    }
    if (header.status.kind === 'stopped' && !this.#options.mayStop) {
      say('no task stops', `${header.status.reason}: ${header.status.failure.message}`);
    }
    const { snapshot } = header;
    this.#known.set(name, {
      ...{ version: header.version, nextOffset: header.nextOffset, watermark: header.watermark, epoch: header.epoch },
      ...{ snapshot: snapshot?.version ?? -1, base: snapshot?.base ?? -1, channels },
    });
  }

  deleted(name: string): void {
    const { commits, blobs } = this.#world;
    const [, stage, partition] = name.split('/');
    for (const { header, blob } of commits.slots({ stage: stage!, partition: Number(partition) }).values()) {
      const say = (how: string) =>
        this.#world.violate(
          '17 no blob reachable from a live slot is deleted',
          `${name}, ${how} version ${header.version}`,
        );
      if (blob === name) say('the delta of');
      if (header.snapshot === undefined) continue;
      if (header.snapshot.name === name) say('the snapshot of');
      const manifest = blobs.get(header.snapshot.name);
      if (manifest === undefined) continue;
      const files = decodeManifest(header.snapshot.name, manifest).runs.flatMap((run) => run.files);
      if (files.some((file) => file.name === name)) say('part of the snapshot of');
    }
  }

  #chain({ header }: StoredCommit, say: (invariant: string, message: string) => void): void {
    const { commits, blobs, sizes } = this.#world;
    const { snapshot, version, task } = header;
    const covered = snapshot?.version ?? -1;
    if (version - sizes.slots > covered) {
      say('2 every commit refers to a snapshot that covers what it overwrote', `its snapshot is of version ${covered}`);
    }
    const before = this.#known.get(taskName(task));
    if (before !== undefined && covered < before.snapshot) {
      say('2 snapshots are monotone', `its snapshot is of version ${covered}, the one before of ${before.snapshot}`);
    }
    if (before !== undefined && (snapshot?.base ?? -1) < before.base) {
      say('17 the base of snapshots never falls', `it is ${snapshot?.base}, was ${before.base}`);
    }
    const there = new Map([...commits.slots(task).values()].map((commit) => [commit.header.version, commit]));
    for (let v = covered + 1; v <= version; v++) {
      const commit = there.get(v);
      if (commit === undefined) say('2 the chain is complete in the store', `version ${v} is gone`);
      else if (commit.blob !== undefined && blobs.get(commit.blob) === undefined) {
        say('2 the chain is complete in the store', `the delta of version ${v} is not there`);
      }
    }
    if (snapshot === undefined) return;
    const manifest = blobs.get(snapshot.name);
    if (manifest === undefined) {
      say('2 the chain is complete in the store', 'its snapshot is not there');
      return;
    }
    for (const { files } of decodeManifest(snapshot.name, manifest).runs) {
      for (const { name } of files) {
        if (blobs.get(name) === undefined) say('2 the chain is complete in the store', `its snapshot lacks ${name}`);
      }
    }
  }

  #position(
    { header }: StoredCommit,
    before: Known | undefined,
    by: number | undefined,
    say: (invariant: string, message: string) => void,
  ): void {
    const { task, nextOffset, source } = header;
    if (before === undefined) return;
    if (nextOffset < before.nextOffset)
      say('14 the next offset never falls', `${nextOffset} after ${before.nextOffset}`);
    const stage = this.#plan.stages.find((s) => s.id === task.stage)!;
    const stored = source === undefined ? this.#world.log.messages(stage.topic, task.partition) : undefined;
    const end = stored?.length ?? this.#world.sources.get(stage.source!)!.end(task.partition);
    if (nextOffset > end && !this.#options.mayStop)
      say('14 the next offset lies within the log', `${nextOffset} after its end ${end}`);
    if (stored === undefined || by === undefined) return;
    let epoch = before.epoch;
    for (let offset = before.nextOffset; offset < nextOffset; offset++) {
      const code = this.#options.epochOf(by, task.stage);
      const message = stored[offset]?.message;
      const next = message?.kind === 'barrier' ? Math.max(epoch, message.epoch) : epoch;
      // The barrier itself is nobody's: the code before it or behind it may step over it.
      if (code !== epoch && (next === epoch || code < next)) {
        say('11 every offset is processed by one epoch', `offset ${offset} of epoch ${epoch} by code of epoch ${code}`);
      }
      epoch = next;
    }
  }

  #time({ header }: StoredCommit, before: Known | undefined, say: (invariant: string, message: string) => void): void {
    const { watermark, eventTimer } = header;
    if (before !== undefined && watermark < before.watermark) {
      say('9 the watermark never falls', `${watermark} after ${before.watermark}`);
    }
    if (this.#options.inBound && eventTimer !== undefined && eventTimer <= watermark) {
      say('10 every timer up to the watermark has fired', `one for ${eventTimer} waits at watermark ${watermark}`);
    }
  }

  #outputs(task: TaskId, sheet: Sheet, say: (invariant: string, message: string) => void): void {
    const owed = new Set(
      sheet.debts.flatMap((debt) => (debt.kind === 'message' ? [`${debt.topic}/${debt.partition}`] : [])),
    );
    for (const [edge, sent] of Object.entries(sheet.sent)) {
      const { to } = this.#plan.edges.find((e) => e.id === edge)!;
      const { topic } = this.#plan.stages.find((s) => s.id === to)!;
      sent.forEach(({ thru }, partition) => {
        if (comparePositions(thru, NOTHING) <= 0 || owed.has(`${topic}/${partition}`)) return;
        const said = this.#spoken(to, partition, channelName(edge, task.partition)).thru;
        if (comparePositions(said, thru) >= 0) return;
        const where = `${channelName(edge, task.partition)} to ${to}/${partition}`;
        say('5 frames are appended before the commit', `${where} sent thru ${text(thru)}, the log has ${text(said)}`);
      });
    }
  }

  #frame(task: TaskId, offset: number, frame: Frame): void {
    const channel = channelName(frame.channel.edge, frame.channel.task);
    const spoken = this.#spoken(task.stage, task.partition, channel);
    const at = `${channel} in ${taskName(task)} at ${offset}`;
    const known = spoken.thru;
    if (comparePositions(frame.prev, known) > 0) {
      this.#world.violate(
        '6 a frame follows what precedes it',
        `${at}: prev ${text(frame.prev)}, before it ${text(known)}`,
      );
    }
    for (let i = 0; i < frame.values.length; i++) {
      const position = { cause: frame.causes[i]!, k: frame.ks[i]! };
      const time = frame.times[i]!;
      if (comparePositions(position, known) <= 0) continue;
      if (comparePositions(position, frame.thru) > 0) {
        this.#world.violate(
          '6 thru says how far a frame speaks',
          `${at}: ${text(position)} beyond ${text(frame.thru)}`,
        );
      }
      if (!this.#options.inBound) continue;
      spoken.records.push({ position, time });
      for (const claim of spoken.claims) this.#true(at, claim, position, time);
      const watermark = this.#known.get(taskName(task))?.watermark ?? MIN_TIME;
      if (time <= watermark) {
        this.#world.violate(
          '9 the watermark is not ahead of what comes',
          `${at}: a record of ${time} at watermark ${watermark}`,
        );
      }
    }
    if (comparePositions(frame.thru, known) > 0) spoken.thru = frame.thru;
  }

  #claims(task: TaskId, offset: number, claims: Claims): void {
    if (!this.#options.inBound) return;
    for (const { channel, prev, watermark } of claims.list) {
      if (watermark === undefined) continue;
      const name = channelName(channel.edge, channel.task);
      const spoken = this.#spoken(task.stage, task.partition, name);
      const at = `${name} in ${taskName(task)} at ${offset}`;
      spoken.claims.push({ prev, watermark });
      for (const { position, time } of spoken.records) this.#true(at, { prev, watermark }, position, time);
    }
  }

  #true(at: string, claim: { prev: Position; watermark: number }, position: Position, time: number): void {
    if (comparePositions(position, claim.prev) <= 0 || time > claim.watermark) return;
    const said = `nothing up to ${claim.watermark} after ${text(claim.prev)}`;
    this.#world.violate('8 claims are true', `${at}: ${said}, and there is ${text(position)} of ${time}`);
  }

  #spoken(stage: string, partition: number, channel: string): Spoken {
    const place = `${stage}/${partition}`;
    let log = this.#logs.get(place);
    if (log === undefined) {
      log = new Map();
      this.#logs.set(place, log);
    }
    let spoken = log.get(channel);
    if (spoken === undefined) {
      spoken = { thru: NOTHING, claims: [], records: [] };
      log.set(channel, spoken);
    }
    return spoken;
  }
}
