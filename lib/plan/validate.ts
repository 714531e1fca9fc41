/** Every rule that a pipeline must keep, checked without running anything: all faults at once, in the order in which the pipeline was written. */
import type { Draft, DraftNode, DraftOperator, DraftRef, DraftSink, PlanFault } from './draft.ts';
import { DEAD_LETTERS, isName, mistakeInName, oneOf } from './names.ts';
import type { FaultPlan, InputNeed } from './plan.ts';

type Mistake = Omit<PlanFault, 'operator'>;

/** Tasks that a stage may have at most: control traffic between stages grows with the square. */
const MAX_PARALLELISM = 1_024;

/** All faults of a draft, given its nodes' names. None means that it can be laid out. */
export function faultsOf(draft: Draft, names: readonly string[]): readonly PlanFault[] {
  const { nodes } = draft;
  const whole = `pipeline ${JSON.stringify(draft.pipeline)}`;
  const faults: PlanFault[] = [];
  const say = (operator: string, mistakes: Iterable<Mistake>): void => {
    for (const { rule, fix } of mistakes) faults.push({ operator, rule, fix });
  };
  say(whole, pipelineMistakes(draft));
  const readers = readersOf(nodes);
  nodes.forEach((node, index) => {
    const name = names[index] as string;
    say(name, idMistakes(node, names, index));
    say(name, node.mistakes ?? []);
    say(name, useMistakes(node, readers[index] as readonly DraftRef[]));
    say(name, inputMistakes(nodes, names, node));
    if (node.kind === 'source') say(name, sourceMistakes(node));
    if (node.kind === 'operator') say(name, operatorMistakes(nodes, names, node));
    if (node.kind === 'key-by' || node.kind === 'partition-by' || node.kind === 'rebalance')
      if (node.parallelism !== undefined) say(name, parallelismMistakes(node.parallelism));
    if (node.kind === 'sink') say(name, updateMistakes(nodes, node));
    say(name, broadcastMistakes(nodes, names, node));
  });
  return faults;
}

/** Whether records of an output carry a key: those of a key-by, and of operators behind it that hand theirs on. */
export function isKeyed(nodes: readonly DraftNode[], ref: DraftRef): boolean {
  const node = nodes[ref.node] as DraftNode;
  if (node.kind === 'key-by') return true;
  if (node.kind !== 'operator' || !node.keepsKey || ref.side !== undefined) return false;
  return node.inputs.every((input) => isKeyed(nodes, input));
}

/** Whether some records of an output come with the key of what they follow from, though tasks may no longer be told apart by it: a sink is given it. */
export function mayHaveKey(nodes: readonly DraftNode[], { node: index }: DraftRef): boolean {
  const node = nodes[index] as DraftNode;
  if (node.kind === 'key-by') return true;
  return (node.kind === 'operator' || node.kind === 'union') && node.inputs.some((input) => mayHaveKey(nodes, input));
}

function readersOf(nodes: readonly DraftNode[]): readonly DraftRef[][] {
  const readers = nodes.map((): DraftRef[] => []);
  for (const node of nodes) for (const input of node.inputs) readers[input.node]?.push(input);
  return readers;
}

function* pipelineMistakes(draft: Draft): Generator<Mistake> {
  const wrong = mistakeInName(draft.pipeline);
  if (wrong !== undefined) {
    yield {
      rule: `the name ${wrong}`,
      fix: `name it like 'flight-delays': topics, tables and files are called after it`,
    };
  } else if (draft.pipeline.includes('.')) {
    yield {
      rule: `the name "${draft.pipeline}" has a dot, which parts a pipeline's name from a stage's in the names of topics`,
      fix: `write it like 'flight-delays'`,
    };
  }
  if (draft.nodes.length === 0) {
    yield { rule: 'there is nothing in it', fix: 'begin with p.source(id, connector) and end with .to(id, connector)' };
  } else if (!draft.nodes.some((node) => node.kind === 'source')) {
    yield { rule: 'it has no source', fix: 'begin with p.source(id, connector)' };
  }
  yield* parallelismMistakes(draft.parallelism);
  if (draft.fusing !== 'all' && draft.fusing !== 'none') {
    yield { rule: `the fusing is '${String(draft.fusing)}'`, fix: `use 'all' or 'none'` };
  }
  yield* restartMistakes(draft.faults);
}

function* idMistakes(node: DraftNode, names: readonly string[], index: number): Generator<Mistake> {
  if (!isName(node.id)) {
    if (node.id !== undefined && node.id !== '') {
      yield { rule: 'the id is no text', fix: `write it like 'late-flights'` };
    } else if (node.auto === undefined) {
      yield {
        rule: `${oneOf(labelOf(node))} needs an id`,
        fix: 'give one as the first argument: it names what outlives the code, so choose it to stay',
      };
    }
    return;
  }
  const wrong = mistakeInName(node.id);
  if (wrong !== undefined) yield { rule: `the id ${wrong}`, fix: `write it like 'late-flights'` };
  if (node.id === DEAD_LETTERS) {
    yield { rule: `the id '${DEAD_LETTERS}' is taken by the records that were given up`, fix: 'choose another id' };
  }
  if (names.indexOf(node.id) < index) {
    yield { rule: `the id is used more than once, here by ${oneOf(labelOf(node))}`, fix: 'give each its own id' };
  }
}

function* useMistakes(node: DraftNode, readers: readonly DraftRef[]): Generator<Mistake> {
  if (node.kind === 'sink') return;
  if (node.kind === 'source' && readers.length === 0) {
    yield { rule: 'the source is never used', fix: 'lead it to a sink with .to(id, connector), or take it out' };
  } else if (readers.length === 0 && !(node.kind === 'operator' && node.readable === true)) {
    yield {
      rule: `the results of this ${labelOf(node)} go nowhere`,
      fix: 'end it with .to(id, connector), or take it out',
    };
  }
  const emitted = node.kind === 'operator' ? node.sides : [];
  for (const side of sidesRead(readers)) {
    if (emitted.includes(side)) continue;
    const known = emitted.length === 0 ? 'it has no side outputs' : `it has ${emitted.map((s) => `'${s}'`).join(', ')}`;
    yield {
      rule: `its side output '${side}' is read, but ${known}`,
      fix: 'name the side output where the operator is defined (late data: the window option `late`), or read another',
    };
  }
}

/** Names of the side outputs that these references read, each once, sorted. */
export function sidesRead(readers: readonly DraftRef[]): readonly string[] {
  const sides = readers.flatMap(({ side }) => (side === undefined ? [] : [side]));
  return [...new Set(sides)].sort();
}

function* inputMistakes(nodes: readonly DraftNode[], names: readonly string[], node: DraftNode): Generator<Mistake> {
  if (node.kind !== 'source' && node.inputs.length === 0) {
    yield { rule: `${oneOf(labelOf(node))} of nothing`, fix: 'give it at least one stream' };
  }
  for (const input of node.inputs) {
    if (nodes[input.node]?.kind === 'sink') {
      yield { rule: `it reads the sink ${names[input.node]}`, fix: 'read the stream that the sink reads' };
    }
  }
}

function* sourceMistakes(node: DraftNode & { kind: 'source' }): Generator<Mistake> {
  const { watermark, idle, partitions } = node;
  if (watermark.kind !== 'none' && !node.hasEventTime) {
    yield { rule: 'it has a watermark but no event time', fix: 'say where its time is: eventTime: (record) => ...' };
  }
  yield* notBelow(
    'the bound of its watermark',
    watermark.bound,
    0,
    'give the disorder to expect, for instance minutes(5)',
  );
  yield* notBelow('idleAfter', idle.after, 0, 'give a span such as seconds(30)');
  yield* notBelow('idleDrift', idle.drift, 0, 'give a span such as hours(1)');
  if (partitions !== undefined) yield* notBelow('the number of its partitions', partitions, 1, 'give a whole number');
}

function* operatorMistakes(
  nodes: readonly DraftNode[],
  names: readonly string[],
  node: DraftOperator,
): Generator<Mistake> {
  yield* needMistakes(nodes, node);
  if (node.eventTime) {
    const timeless = sourcesOf(nodes, node).filter((source) => {
      const found = nodes[source] as DraftNode & { kind: 'source' };
      return !found.hasEventTime;
    });
    if (timeless.length > 0) {
      yield {
        rule: `it works by event time, but no event time or watermark comes from ${timeless.map((i) => names[i]).join(', ')}`,
        fix: 'give the source eventTime and watermark, or use processing time',
      };
    }
  }
  if (Array.isArray(node.steps) && node.steps.some((step: number) => !Number.isFinite(step) || step < 0)) {
    yield {
      rule: `its spans of time are not all sensible: ${node.steps.join(', ')} ms`,
      fix: 'use whole milliseconds',
    };
  }
  for (const [table, version] of Object.entries(node.state)) {
    if (Number.isSafeInteger(version) && version >= 0) continue;
    yield { rule: `the version of its state '${table}' is ${version}`, fix: 'count versions in whole numbers' };
  }
  for (const side of node.sides) {
    const wrong = mistakeInName(side);
    if (wrong !== undefined) yield { rule: `the name of a side output ${wrong}`, fix: `write it like 'late'` };
  }
  if (node.faults !== undefined) yield* restartMistakes(node.faults);
}

function* needMistakes(nodes: readonly DraftNode[], node: DraftOperator): Generator<Mistake> {
  const { needs = node.inputs.map(() => (node.needsKey ? 'key' : 'any') as InputNeed) } = node;
  const keyless = node.inputs.flatMap((input, i) => (needs[i] === 'key' && !isKeyed(nodes, input) ? [i] : []));
  if (keyless.length > 0) {
    const which =
      needs.length > 1 && keyless.length === 1 ? `: its ${ORDINALS[keyless[0] as number]} input has none` : '';
    yield {
      rule: `${oneOf(node.type)} needs records with a key${which}`,
      fix:
        needs.length > 1
          ? 'put .keyBy(id, selector) of the same key directly before each of its inputs'
          : 'put .keyBy(id, selector) directly before it',
    };
  }
  for (const [i, input] of node.inputs.entries()) {
    if (needs[i] !== 'broadcast' || nodes[input.node]?.kind === 'broadcast') continue;
    yield {
      rule: `the ${ORDINALS[i]} input of ${oneOf(node.type)} must come to every task`,
      fix: 'give it stream.broadcast()',
    };
  }
}

const ORDINALS = ['first', 'second', 'third', 'fourth'];

/** What every task gets must be read as such: anything else would handle each record as often as there are tasks. */
function* broadcastMistakes(
  nodes: readonly DraftNode[],
  names: readonly string[],
  node: DraftNode,
): Generator<Mistake> {
  for (const [i, input] of node.inputs.entries()) {
    if (nodes[input.node]?.kind !== 'broadcast') continue;
    if (node.kind === 'operator' && node.needs?.[i] === 'broadcast') continue;
    yield {
      rule: `it reads ${names[input.node]}, which brings each record to every task`,
      fix: 'connect another stream to it: stream.connect(rules.broadcast()).process(...)',
    };
  }
}

/** A table's changes update and delete: a sink that only appends would keep all rows that ever were as if they stood. */
function* updateMistakes(nodes: readonly DraftNode[], node: DraftSink): Generator<Mistake> {
  const updates = node.inputs.some((input) => {
    const from = nodes[input.node];
    return from?.kind === 'operator' && from.updates === true;
  });
  if (!updates || node.upserts === true) return;
  yield {
    rule: `it only appends (${node.connector}), and a table's changes update and delete rows`,
    fix:
      'use a sink that upserts, such as dynamoTable or toKafka; or append the changelog: table.changes().to(...), or each row as it changes: table.toStream().to(...), ' +
      'of windows only final ones: table.suppress(id, untilWindowCloses()).toStream().to(...)',
  };
}

/** Places of all sources whose records, changed or not, reach a node. */
function sourcesOf(nodes: readonly DraftNode[], node: DraftNode): readonly number[] {
  const seen = new Set<number>();
  const visit = (inputs: readonly DraftRef[]): void => {
    for (const { node: index } of inputs) {
      if (seen.has(index)) continue;
      seen.add(index);
      visit(nodes[index]?.inputs ?? []);
    }
  };
  visit(node.inputs);
  return [...seen].filter((index) => nodes[index]?.kind === 'source').sort((a, b) => a - b);
}

function* parallelismMistakes(parallelism: number): Generator<Mistake> {
  if (Number.isSafeInteger(parallelism) && parallelism >= 1 && parallelism <= MAX_PARALLELISM) return;
  yield {
    rule: `the parallelism is ${parallelism}`,
    fix: `give a whole number from 1 to ${MAX_PARALLELISM}; the default is 8`,
  };
}

function* restartMistakes({ restart, fallback }: FaultPlan): Generator<Mistake> {
  if (!['fail', 'dead-letter', 'skip'].includes(fallback)) {
    yield { rule: `the fallback is '${fallback}'`, fix: `use 'fail', 'dead-letter' or 'skip'` };
  }
  if (restart.kind === 'none') return;
  const wholes = restart.kind === 'failure-rate' ? { failures: restart.failures } : { attempts: restart.attempts };
  const spans =
    restart.kind === 'exponential'
      ? { initial: restart.initial, max: restart.max, reset: restart.reset }
      : restart.kind === 'fixed'
        ? { delay: restart.delay }
        : { interval: restart.interval, delay: restart.delay };
  for (const [name, n] of Object.entries(wholes)) {
    if (Number.isSafeInteger(n) && n >= 1) continue;
    yield { rule: `the restart strategy's ${name} is ${n}`, fix: 'give a whole number from 1, or use noRestart()' };
  }
  for (const [name, span] of Object.entries(spans)) {
    yield* notBelow(`the restart strategy's ${name}`, span, 0, 'give a span such as seconds(1)');
  }
  if (restart.kind !== 'exponential') return;
  yield* notBelow(`the restart strategy's factor`, restart.factor, 1, 'give 1 or more; 2 doubles the delay each time');
  if (restart.max < restart.initial) {
    yield { rule: `the restart strategy's max is below its initial delay`, fix: 'raise max or lower initial' };
  }
  if (!(restart.jitter >= 0 && restart.jitter <= 1)) {
    yield { rule: `the restart strategy's jitter is ${restart.jitter}`, fix: 'give a share from 0 to 1' };
  }
}

function* notBelow(what: string, value: number, least: number, fix: string): Generator<Mistake> {
  if (!Number.isFinite(value) || value < least) yield { rule: `${what} is ${value}, not at least ${least}`, fix };
}

const labelOf = (node: DraftNode): string => (node.kind === 'operator' ? node.type : node.kind);
