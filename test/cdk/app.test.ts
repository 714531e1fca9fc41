import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Plan } from '../../lib/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

// Most of the time goes into CloudFormation's own rules.
it('synthesises the flights example without a network: a function for each stage of the plan', async () => {
  const { default: flights } = (await import('../../examples/flights/pipeline.ts')) as {
    readonly default: { readonly plan: Plan };
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
    const template = JSON.parse(readFileSync(join(out, 'flight-delays.template.json'), 'utf8')) as {
      readonly Resources: Readonly<
        Record<
          string,
          {
            readonly Type: string;
            readonly Properties: { readonly Environment?: { readonly Variables: Readonly<Record<string, string>> } };
          }
        >
      >;
    };
    const stages = Object.values(template.Resources).flatMap(({ Type, Properties }) =>
      Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables['MILLRACE_STAGE'] ?? []) : [],
    );
    const onFiles = flights.plan.stages.filter(
      ({ nodes, source }) =>
        source !== undefined ||
        nodes.some((node) => flights.plan.nodes.find(({ id }) => id === node)?.kind === 'operator'),
    );
    expect(stages.sort()).toEqual(onFiles.map(({ id }) => id).sort());
  } finally {
    rmSync(out, { recursive: true });
  }
}, 90_000);
