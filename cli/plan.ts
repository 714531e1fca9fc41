import { type Command, Option } from 'commander';
import { planAsJson, planAsMermaid, planAsText } from '../lib/plan/index.ts';
import { bindingsOf } from './bind.ts';
import { loadPipeline } from './load-pipeline.ts';
import { type CommonOptions, print } from './terminal.ts';

const formats = { text: planAsText, json: planAsJson, mermaid: planAsMermaid } as const;

interface PlanCommandOptions extends CommonOptions {
  readonly format: keyof typeof formats;
  readonly bind: readonly string[];
}

/** `millrace plan` */
export function addPlan(program: Command): void {
  program
    .command('plan <pipeline>')
    .description('show what a pipeline becomes: its stages, what runs in them, and where records go')
    .addOption(new Option('-f, --format <format>', 'how').choices(Object.keys(formats)).default('text'))
    .option(
      '-b, --bind <id=path>',
      'a file in the place of a source or sink',
      (value, before: string[]) => [...before, value],
      [],
    )
    .addHelpText(
      'after',
      `
Examples:
  millrace plan examples/flights
  millrace plan examples/flights --format mermaid > plan.mmd
  millrace plan . --json | jq '.stages[].id'`,
    )
    .action(async (path: string, options: PlanCommandOptions) => {
      const { pipeline } = await loadPipeline(path);
      const bound = pipeline.withBindings(bindingsOf(pipeline, options.bind));
      print(formats[options.json === true ? 'json' : options.format](bound.plan).trimEnd());
    });
}
