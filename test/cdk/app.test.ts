import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { bindTopics } from '../../functions/topics.ts';
import type { Pipeline } from '../../lib/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: Properties }>>;
}
interface Properties {
  readonly Environment?: { readonly Variables: Readonly<Record<string, string>> };
}

// Most of the time goes into CloudFormation's own rules.
it('synthesises the flights example without a network: a function for each stage of the plan', async () => {
  const { default: flights } = (await import('../../examples/flights/pipeline.ts')) as {
    readonly default: Pipeline;
  };
  const out = mkdtempSync(join(tmpdir(), 'millrace-test-app-'));
  try {
    execFileSync(process.execPath, ['cdk/app.ts'], {
      cwd: root,
      env: {
        PATH: process.env['PATH'],
        CDK_OUTDIR: out,
        CDK_CONTEXT_JSON: readFileSync(join(root, 'cdk.json'), 'utf8').match(/"context": (\{[^}]*\})/)![1],
      },
      stdio: 'pipe',
    });
    const template = JSON.parse(readFileSync(join(out, 'flight-delays.template.json'), 'utf8')) as Template;
    const stages = Object.values(template.Resources).flatMap(({ Type, Properties }) =>
      Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables['MILLRACE_STAGE'] ?? []) : [],
    );
    const sinks = [...flights.sinks.keys()].map((id) => [id, { topic: id }]);
    const { plan } = bindTopics(flights, {
      sources: { flights: { topic: 'flights', partitions: 8 } },
      sinks: Object.fromEntries(sinks),
    });
    expect(stages.sort()).toEqual(plan.stages.map(({ id }) => id).sort());
  } finally {
    rmSync(out, { recursive: true });
  }
}, 240_000);
