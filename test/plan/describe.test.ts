import { expect, test } from 'vitest';
import { compile, planAsJson, planAsMermaid, planAsText } from '../../lib/plan/index.ts';
import { draftOf } from './draft-writer.ts';

const { plan } = compile(
  draftOf((w) => {
    const a = w.source('flights');
    const map = w.operator(undefined, a, { auto: 'map' });
    const window = w.window('stats', w.keyBy('by-origin', map), { sides: ['late'] });
    w.sink('out', window, { single: true });
    w.sink('late', { node: window, side: 'late' });
    w.sink('raw', w.operator('enrich', map, { type: 'async', async: true }));
    w.sink('all', w.route('union', 'both', [a, map]));
  }),
);

test('a plan as text shows stages, what is in them and where records go', () => {
  expect(`\n${planAsText(plan)}\n`).toBe(`
pipeline test: 4 stages, 3 exchanges

flights (source, 1 task)
└─ flights  rows, bounded, event time
   ├─ map-1  map
   │  ├─ all  to drain, exactly-once
   │  ├─▶ stats  by key by-origin
   │  └─▶ enrich  partition by partition
   └─ all  (as above)

stats (4 tasks)
└─ stats  window, state, event time
   ├─ [late] late  to drain, exactly-once
   └─▶ out  gathered

out (1 task)
└─ out  to drain, exactly-once

enrich (1 task, journaled)
└─ enrich  async
   └─ raw  to drain, exactly-once
`);
});

test('a plan as Mermaid has a box for each stage and an arrow for each connection', () => {
  expect(planAsMermaid(plan)).toBe(`flowchart LR
  subgraph s0["flights (source, 1 task)"]
    n0(["flights<br/>rows, bounded, event time"])
    n1["map-1<br/>map"]
    n9[/"all<br/>to drain, exactly-once"/]
  end
  subgraph s1["stats (4 tasks)"]
    n3["stats<br/>window, state, event time"]
    n5[/"late<br/>to drain, exactly-once"/]
  end
  subgraph s2["out (1 task)"]
    n4[/"out<br/>to drain, exactly-once"/]
  end
  subgraph s3["enrich (1 task, journaled)"]
    n6["enrich<br/>async"]
    n7[/"raw<br/>to drain, exactly-once"/]
  end
  n0 --> n1
  n0 --> n9
  n1 --> n9
  n3 -->|late| n5
  n6 --> n7
  n1 ==>|"by key by-origin"| n3
  n3 ==>|"gathered"| n4
  n1 ==>|"partition by partition"| n6
`);
});

test('a plan as JSON is the plan', () => {
  expect(JSON.parse(planAsJson(plan))).toEqual(plan);
});

test('a partitioner is named where records go by it', () => {
  const { plan: placed } = compile(
    draftOf((w) => w.sink('out', w.operator('m', w.route('partition-by', 'by-region', [w.source('a')])))),
  );
  expect(planAsText(placed)).toContain('└─▶ m  by partitioner by-region');
  expect(planAsMermaid(placed)).toContain('==>|"by partitioner by-region"|');
});
