/** The function of one stage. */
import * as author from 'millrace:pipeline';
import { around } from './around.ts';
import { connect } from './ports.ts';
import { settingsFrom } from './settings.ts';
import { stageHandler } from './stage-handler.ts';
import { functionTelemetry } from './telemetry.ts';
import { bindTopics } from './topics.ts';

const settings = settingsFrom(process.env);
const { stage = '' } = settings;
const pipeline = bindTopics(author.default, MILLRACE_TOPICS).withCode(MILLRACE_CODE);
const of = pipeline.plan.stages.find(({ id }) => id === stage);
const telemetry = functionTelemetry({
  ...{ pipeline: pipeline.name, stage },
  first: of?.nodes.find((node) => node !== of.source),
});

export const handler = around(
  stageHandler(pipeline, settings, (given) => connect(given, telemetry)),
  { ...{ telemetry, stage }, pipeline: pipeline.name, middleware: author.middleware },
);
