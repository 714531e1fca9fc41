/** Whether a pipeline may take over the state of another, and what has changed. */
import type { Json } from '../model/index.ts';
import { oneOf } from './names.ts';
import type { EdgePlan, OperatorNode, Plan, PlanNode, SinkNode, SourceNode, StagePlan } from './plan.ts';

/** The outcome of comparing two plans. */
export interface PlanComparison {
  /** True if the new code can go on from the old state. */
  readonly compatible: boolean;
  /** What has changed, a line each, beginning with the stage, operator, source or sink; what is incompatible first. */
  readonly differences: readonly string[];
  /** Those of the differences that forbid going on. */
  readonly obstacles: readonly string[];
  /** Stages of both plans whose code is another: they need the switch at a barrier. */
  readonly changedStages: readonly string[];
}

/** Options of operators by which their state is laid out; a change of any other is a change of code only. */
const LAYOUT_OPTIONS = ['window', 'layout', 'aggregates', 'keyed'];
/** Options that are things under names, each with a kind or name of its own that must stay. */
const KINDS_IN_OPTIONS = ['states', 'state', 'windowState'];

/**
 * Compares the plan whose state there is with the plan that is to go on with it. Code may change, and stateless operators may come and go inside a
 * stage. What owns state or names a place where data lies must stay: sources, stages and their number of tasks, exchanges, stateful operators with
 * their windows and states.
 */
export function comparePlans(before: Plan, after: Plan): PlanComparison {
  const comparison = new Comparison(before, after);
  comparison.run();
  const { obstacles, notes, changedStages } = comparison;
  return { compatible: obstacles.length === 0, differences: [...obstacles, ...notes], obstacles, changedStages };
}

class Comparison {
  readonly obstacles: string[] = [];
  readonly notes: string[] = [];
  readonly changedStages: string[] = [];
  readonly #before: Plan;
  readonly #after: Plan;

  constructor(before: Plan, after: Plan) {
    this.#before = before;
    this.#after = after;
  }

  run(): void {
    const [before, after] = [this.#before, this.#after];
    if (before.pipeline !== after.pipeline) {
      this.obstacles.push(`pipeline: was ${before.pipeline}, is ${after.pipeline}`);
    }
    this.#pairs(before.stages, after.stages, 'stage', true, (was, is) => this.#stage(was, is));
    this.#pairs(before.edges, after.edges, 'exchange', true, (was, is) => this.#edge(was, is));
    this.#pairs(sources(before), sources(after), 'source', false, (was, is) => this.#source(was, is));
    this.#operators();
    this.#pairs(keyBys(before), keyBys(after), 'key-by', false, (was, is) => {
      if (was.code !== is.code)
        this.notes.push(`key-by ${was.id}: its selector has changed; older state stays with older keys`);
    });
    this.#pairs(partitionBys(before), partitionBys(after), 'partition-by', false, (was, is) => {
      if (was.code !== is.code) this.notes.push(`partition-by ${was.id}: its function has changed`);
    });
    this.#pairs(sinks(before), sinks(after), 'sink', false, (was, is) => this.#sink(was, is));
  }

  /** Items of one id are compared; those of only one plan are obstacles if `fixed`, else notes. */
  #pairs<T extends { readonly id: string }>(
    before: readonly T[],
    after: readonly T[],
    what: string,
    fixed: boolean,
    compare: (was: T, is: T) => void,
  ): void {
    const say = fixed ? this.obstacles : this.notes;
    const now = new Map(after.map((item) => [item.id, item]));
    for (const was of before) {
      const is = now.get(was.id);
      if (is === undefined) say.push(`${what} ${was.id}: is gone`);
      else compare(was, is);
    }
    const then = new Set(before.map((item) => item.id));
    for (const is of after) if (!then.has(is.id)) say.push(`${what} ${is.id}: is new`);
  }

  #stage(was: StagePlan, is: StagePlan): void {
    if (was.code !== is.code) this.changedStages.push(was.id);
    if (was.source !== is.source) this.obstacles.push(`stage ${was.id}: its source has changed`);
    else if (was.source === undefined && was.partitions !== is.partitions) {
      const before = this.#after.edges.filter((edge) => edge.to === was.id);
      const follows = before.length > 0 && before.every((edge) => edge.partitioning.kind === 'forward');
      // As many as its source had when the run began, whatever the plan says: partitions that the source gains are dealt to them.
      if (follows) this.notes.push(`stage ${was.id}: keeps its number of tasks, although its source has another`);
      else this.obstacles.push(`stage ${was.id}: had ${was.partitions} tasks, has ${is.partitions}`);
    }
    if (was.journaled !== is.journaled) {
      this.notes.push(`stage ${was.id}: is ${is.journaled ? 'now' : 'no longer'} journaled`);
    }
  }

  #edge(was: EdgePlan, is: EdgePlan): void {
    if (was.from !== is.from || was.to !== is.to) this.obstacles.push(`exchange ${was.id}: joins other stages`);
    else if (was.partitioning.kind !== is.partitioning.kind) {
      this.obstacles.push(`exchange ${was.id}: was ${was.partitioning.kind}, is ${is.partitioning.kind}`);
    }
  }

  #source(was: SourceNode, is: SourceNode): void {
    const name = `source ${was.id}`;
    if (was.connector !== is.connector) this.obstacles.push(`${name}: read ${was.connector}, reads ${is.connector}`);
    else if (!same(was.options, is.options)) {
      this.notes.push(
        `${name}: its connector's options have changed; whether it is the same data shows when it is opened`,
      );
    }
    if (was.bounded !== is.bounded) {
      this.obstacles.push(`${name}: was ${boundsOf(was)}, is ${boundsOf(is)}`);
    }
    if (was.hasEventTime !== is.hasEventTime) {
      this.obstacles.push(`${name}: ${is.hasEventTime ? 'had no event time' : 'has no event time any more'}`);
    } else if (was.watermark.kind !== is.watermark.kind && [was, is].some((node) => node.watermark.kind === 'custom')) {
      this.obstacles.push(`${name}: its watermark was ${was.watermark.kind}, is ${is.watermark.kind}`);
    } else if (!same({ ...was.watermark }, { ...is.watermark })) {
      this.notes.push(`${name}: its watermark has changed`);
    }
    if (was.code !== is.code) this.notes.push(`${name}: its schema, event time or policies have changed`);
  }

  #operators(): void {
    const now = new Map(this.#after.nodes.map((node) => [node.id, node]));
    const then = new Map(this.#before.nodes.map((node) => [node.id, node]));
    for (const was of operators(this.#before)) {
      const is = now.get(was.id);
      const name = `operator ${was.id}`;
      if (is?.kind === 'operator') this.#operator(was, is);
      else if (was.stateful) this.obstacles.push(`${name}: is gone, and its state would be lost`);
      else this.notes.push(`${name}: is gone`);
    }
    for (const is of operators(this.#after)) {
      if (then.get(is.id)?.kind !== 'operator') this.notes.push(`operator ${is.id}: is new`);
    }
  }

  #operator(was: OperatorNode, is: OperatorNode): void {
    const name = `operator ${was.id}`;
    if (was.stateful) {
      this.#state(name, was, is);
      const [home, moved] = [stageOf(this.#before, was.id), stageOf(this.#after, is.id)];
      if (home !== moved) this.obstacles.push(`${name}: was in stage ${home}, is in ${moved}`);
    } else if (was.type !== is.type) this.notes.push(`${name}: was ${oneOf(was.type)}, is ${oneOf(is.type)}`);
    if (was.type === is.type && was.code !== is.code) this.notes.push(`${name}: its code or options have changed`);
  }

  #state(name: string, was: OperatorNode, is: OperatorNode): void {
    if (was.type !== is.type) {
      this.obstacles.push(`${name}: was ${oneOf(was.type)}, is ${oneOf(is.type)}`);
      return;
    }
    const changed = (what: string, old: Json | undefined, now: Json | undefined): void => {
      if (same(old, now)) return;
      this.obstacles.push(`${name}: its ${what} was ${JSON.stringify(old)}, is ${JSON.stringify(now)}`);
    };
    for (const option of LAYOUT_OPTIONS)
      changed(option, propertyOf(was.options, option), propertyOf(is.options, option));
    const trigger = (node: OperatorNode) => propertyOf(propertyOf(node.options, 'trigger'), 'name');
    changed('trigger', trigger(was), trigger(is));
    for (const option of KINDS_IN_OPTIONS) {
      const [old, now] = [propertyOf(was.options, option), propertyOf(is.options, option)];
      for (const state of namesIn(old).filter((known) => propertyOf(now, known) !== undefined)) {
        const of = (states: Json | undefined, what: string) => propertyOf(propertyOf(states, state), what);
        changed(`state '${state}'`, of(old, 'kind'), of(now, 'kind'));
        const [counted, counts] = [of(old, 'ttlBy'), of(now, 'ttlBy')];
        if (counted !== undefined && counts !== undefined) changed(`ttlBy of state '${state}'`, counted, counts);
      }
    }
    for (const [table, version] of Object.entries(was.state)) {
      const now = is.state[table];
      if (now === undefined) this.obstacles.push(`${name}: its state '${table}' is gone`);
      else if (now < version)
        this.obstacles.push(`${name}: its state '${table}' was of version ${version}, is of ${now}`);
      else if (now > version) this.notes.push(`${name}: its state '${table}' goes from version ${version} to ${now}`);
    }
    for (const table of Object.keys(is.state)) {
      if (was.state[table] === undefined) this.notes.push(`${name}: its state '${table}' is new`);
    }
  }

  #sink(was: SinkNode, is: SinkNode): void {
    const name = `sink ${was.id}`;
    if (was.connector !== is.connector) this.obstacles.push(`${name}: wrote ${was.connector}, writes ${is.connector}`);
    else if (!same(was.options, is.options)) this.notes.push(`${name}: its connector's options have changed`);
    const [home, moved] = [stageOf(this.#before, was.id), stageOf(this.#after, is.id)];
    if (home !== moved) this.obstacles.push(`${name}: was in stage ${home}, is in ${moved}`);
  }
}

const operators = (plan: Plan): readonly OperatorNode[] => plan.nodes.filter((node) => node.kind === 'operator');
const sources = (plan: Plan): readonly SourceNode[] => plan.nodes.filter((node) => node.kind === 'source');
const sinks = (plan: Plan): readonly SinkNode[] => plan.nodes.filter((node) => node.kind === 'sink');
const keyBys = (plan: Plan): readonly PlanNode[] => plan.nodes.filter((node) => node.kind === 'key-by');
const partitionBys = (plan: Plan): readonly PlanNode[] => plan.nodes.filter((node) => node.kind === 'partition-by');
const stageOf = (plan: Plan, node: string): string | undefined =>
  plan.stages.find((stage) => stage.nodes.includes(node))?.id;
const boundsOf = (source: SourceNode): string => (source.bounded ? 'bounded' : 'unbounded');

/** A property of JSON, undefined where it is no object or has none of that name. */
function propertyOf(json: Json | undefined, name: string): Json | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || !Object.hasOwn(json, name)) return undefined;
  return (json as { readonly [name: string]: Json })[name];
}

const namesIn = (json: Json | undefined): readonly string[] =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? Object.keys(json) : [];

/** Equal JSON, whatever the order of properties. */
function same(a: Json | undefined, b: Json | undefined): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [names, others] = [Object.keys(a), Object.keys(b)];
  if (names.length !== others.length || Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a, b] as unknown as { readonly [name: string]: Json }[];
  return names.every((name) => Object.hasOwn(b, name) && same(left?.[name], right?.[name]));
}
