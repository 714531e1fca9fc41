import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile, type Draft, type DraftRef, type OutputRef, type Plan } from '../../lib/plan/index.ts';
import { DraftWriter } from './draft-writer.ts';

const action = fc.record({
  what: fc.constantFrom(
    ...([
      'source',
      'map',
      'filter',
      'async',
      'alone',
      'keyed',
      'union',
      'rebalance',
      'partitioned',
      'sink',
      'single',
    ] as const),
    ...(['joined', 'ruled', 'itself', 'looked'] as const),
  ),
  from: fc.nat(),
  other: fc.nat(),
  size: fc.integer({ min: 1, max: 3 }),
});

/** A pipeline without faults, however the actions fall: what is left over gets a sink. */
const drafts = fc
  .record({ actions: fc.array(action, { maxLength: 25 }), fusing: fc.constantFrom('all' as const, 'none' as const) })
  .map(({ actions, fusing }): Draft => {
    const w = new DraftWriter();
    const streams = [w.source('source', { partitions: 2 })];
    const pick = (n: number): number => streams[n % streams.length] as number;
    actions.forEach(({ what, from, other, size }, i) => {
      const input = pick(from);
      const id = `${what}${i}`;
      if (what === 'source') streams.push(w.source(id, { partitions: size === 3 ? undefined : size }));
      else if (what === 'map') streams.push(w.operator(id, input));
      else if (what === 'filter') streams.push(w.operator(id, input, { keepsKey: true }));
      else if (what === 'async') streams.push(w.operator(id, input, { async: true }));
      else if (what === 'alone') streams.push(w.operator(id, input, { fuse: false }));
      else if (what === 'keyed') {
        const keyed = w.keyBy(`key${i}`, input, { parallelism: size });
        streams.push(w.window(id, keyed, { steps: size === 1 ? 'every' : [size * 1_000] }), keyed);
      } else if (what === 'joined' || what === 'itself') {
        const left = w.keyBy(`left${i}`, input, { parallelism: size });
        const some = from % 2 === 0 ? left : w.operator(`some${i}`, left, { type: 'filter', keepsKey: true });
        const right = w.keyBy(`right${i}`, pick(other), { parallelism: 1 + (other % 3) });
        const needs = { needs: ['key', 'key'] as const, stateful: true, needsKey: true };
        streams.push(w.operator(id, what === 'itself' ? [some, left] : [some, right], needs));
        if (what === 'itself') streams.push(right);
      } else if (what === 'ruled') {
        const keyed = w.keyBy(`key${i}`, input, { parallelism: size });
        const rules = w.route('broadcast', `rules${i}`, [pick(other)]);
        streams.push(w.operator(id, [keyed, rules], { needs: ['key', 'broadcast'], stateful: true, needsKey: true }));
      } else if (what === 'looked') {
        const keyed = w.keyBy(`key${i}`, input, { parallelism: size });
        const looked = w.operator(id, keyed, { async: true, keepsKey: true });
        streams.push(w.window(`after${i}`, looked), looked);
      } else if (what === 'union') streams.push(w.route('union', id, [input, pick(other)]));
      else if (what === 'rebalance') streams.push(w.route('rebalance', id, [input], { parallelism: size }));
      else if (what === 'partitioned') streams.push(w.route('partition-by', id, [input], { parallelism: size }));
      else w.sink(id, input, { single: what === 'single' });
    });
    const used = new Set(w.nodes.flatMap((node) => node.inputs.map((input) => input.node)));
    for (const stream of streams) if (!used.has(stream)) w.sink(`end${stream}`, stream);
    return w.draft({ fusing });
  });

const check = (property: (draft: Draft, plan: Plan) => void): void => {
  fc.assert(
    fc.property(drafts, (draft) => property(draft, compile(draft).plan)),
    { numRuns: 300 },
  );
};

/** How often a record of an output reaches a node, by `output > node`: counted along the draft, through unions and exchanges. */
function reachInDraft(draft: Draft): Map<string, number> {
  const reach = new Map<string, number>();
  const visit = ({ node }: DraftRef, to: string): void => {
    const from = draft.nodes[node];
    if (from !== undefined && from.kind !== 'source' && from.kind !== 'operator' && from.kind !== 'sink') {
      for (const input of from.inputs) visit(input, to);
    } else count(reach, `${from?.id} > ${to}`);
  };
  for (const node of draft.nodes) {
    if (node.kind === 'operator' || node.kind === 'sink')
      for (const input of node.inputs) visit(input, node.id as string);
  }
  return reach;
}

/** The same, along the plan's wires. */
function reachInPlan(plan: Plan): Map<string, number> {
  const reach = new Map<string, number>();
  const connections = [...plan.edges, ...Object.values(plan.local).flat()];
  for (const { output, wires } of connections as readonly { output: OutputRef; wires: readonly { to: string }[] }[]) {
    for (const { to } of wires) count(reach, `${output.node} > ${to}`);
  }
  return reach;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

const sorted = (counts: Map<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));

describe('however a pipeline is fused', () => {
  test('each record reaches the same operators as often as it was written', () => {
    check((draft, plan) => {
      expect(sorted(reachInPlan(plan))).toEqual(sorted(reachInDraft(draft)));
    });
  });

  test('each operator and sink is in exactly one stage, and wires stay in the stage or end in the one that the edge leads to', () => {
    check((draft, plan) => {
      const members = plan.stages.flatMap((stage) => stage.nodes);
      const real = draft.nodes
        .filter((node) => node.kind === 'operator' || node.kind === 'sink')
        .map((node) => node.id);
      expect([...members].sort()).toEqual([...real].sort());
      const holds = (stage: string, node: string): boolean => {
        const found = plan.stages.find(({ id }) => id === stage);
        return found?.source === node || found?.nodes.includes(node) === true;
      };
      for (const { from, to, output, wires } of plan.edges) {
        expect(holds(from, output.node)).toBe(true);
        for (const wire of wires) expect(holds(to, wire.to)).toBe(true);
      }
      for (const [stage, connections] of Object.entries(plan.local)) {
        for (const { output, wires } of connections) {
          for (const node of [output.node, ...wires.map((wire) => wire.to)]) expect(holds(stage, node)).toBe(true);
        }
      }
    });
  });

  test('senders come before receivers, names are distinct, and stages list their edges', () => {
    check((_, plan) => {
      const order = new Map(plan.stages.map((stage, i) => [stage.id, i]));
      expect(order.size).toBe(plan.stages.length);
      expect(new Set(plan.edges.map((edge) => edge.id)).size).toBe(plan.edges.length);
      for (const edge of plan.edges) expect(order.get(edge.from)).toBeLessThan(order.get(edge.to) as number);
      for (const { id, inputs, outputs, source } of plan.stages) {
        expect(inputs).toEqual(plan.edges.filter((edge) => edge.to === id).map((edge) => edge.id));
        expect(outputs).toEqual(plan.edges.filter((edge) => edge.from === id).map((edge) => edge.id));
        expect(inputs.length > 0).toBe(source === undefined);
      }
    });
  });

  test('source stages hold no state, single sinks have one writer, asynchronous operators begin a journaled stage', () => {
    check((draft, plan) => {
      for (const stage of plan.stages) {
        const nodes = stage.nodes.map((id) => plan.nodes.find((node) => node.id === id));
        const operators = nodes.filter((node) => node?.kind === 'operator');
        if (stage.source !== undefined) expect(operators.some((node) => node.stateful)).toBe(false);
        expect(stage.journaled).toBe(operators.some((node) => node.async));
        expect(operators.filter((node) => node.async).map((node) => node.id)).toEqual(
          operators[0]?.async === true ? [operators[0].id] : [],
        );
        if (draft.fusing === 'none') expect(operators.length).toBeLessThanOrEqual(1);
        if (nodes.some((node) => node?.kind === 'sink' && node.single)) expect(stage.partitions).toBe(1);
      }
    });
  });

  test('records with state behind a key reach one task per key: by a key exchange, or partition by partition from there', () => {
    check((_, plan) => {
      for (const node of plan.nodes) {
        if (node.kind !== 'operator' || !node.stateful) continue;
        for (const edge of plan.edges.filter(({ wires }) => wires.some(({ to }) => to === node.id))) {
          const { kind } = edge.partitioning;
          const [from, to] = [edge.from, edge.to].map((id) => plan.stages.find((stage) => stage.id === id)?.partitions);
          const stays = kind === 'forward' && edge.carriesKey === true && from === to;
          const rules = kind === 'broadcast' && edge.wires.every((wire) => wire.input === 1);
          expect(kind === 'key' || stays || rules).toBe(true);
        }
      }
    });
  });

  test('the plan is frozen data and survives JSON', () => {
    check((_, plan) => {
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      expect(Object.isFrozen(plan) && plan.nodes.every(Object.isFrozen) && plan.edges.every(Object.isFrozen)).toBe(
        true,
      );
    });
  });
});
