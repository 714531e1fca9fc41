import type { DraftNode } from './draft.ts';
import type { EdgePlan } from './plan.ts';
import type { Layout, StageLayout } from './stages.ts';

type Steps = EdgePlan['steps'];

/**
 * Which steps of the watermark each stage needs to see on the edges that enter it: what its own operators and all stages behind it ask for. A stage's
 * time is the least over its channels, so that every edge into it carries the same.
 */
export function stepsBehind(nodes: readonly DraftNode[], { stages, edges }: Layout): ReadonlyMap<StageLayout, Steps> {
  const behind = new Map<StageLayout, Steps>();
  for (const stage of stages.toReversed()) {
    const own = stage.nodes.map((index) => {
      const node = nodes[index] as DraftNode;
      return node.kind === 'operator' ? gridOf(node.steps) : 'none';
    });
    const further = edges.filter((edge) => edge.from === stage).map((edge) => behind.get(edge.to) ?? 'none');
    behind.set(stage, [...own, ...further].reduce(combineSteps, 'none'));
  }
  return behind;
}

/** The steps that serve both: every one if either wants that, else the multiples of the greatest common divisor. */
export function combineSteps(a: Steps, b: Steps): Steps {
  if (a === 'none') return b;
  if (b === 'none') return a;
  if (a === 'every' || b === 'every') return 'every';
  return gcd(a, b);
}

/** The grid that meets all of an operator's spans; spans of zero ask for nothing. */
function gridOf(steps: 'none' | 'every' | readonly number[]): Steps {
  if (steps === 'none' || steps === 'every') return steps;
  return steps.filter((step) => step > 0).reduce<Steps>(combineSteps, 'none');
}

function gcd(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}
