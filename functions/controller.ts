/** The function of the controller, called on a schedule. */
import pipeline from 'millrace:pipeline';
import { around } from './around.ts';
import { controllerHandler } from './controller-handler.ts';
import { connectController } from './controller-ports.ts';
import { settingsFrom } from './settings.ts';
import { functionTelemetry } from './telemetry.ts';
import { bindTopics } from './topics.ts';

const settings = settingsFrom(process.env);
const telemetry = functionTelemetry(settings);

export const handler = around(
  controllerHandler(bindTopics(pipeline, MILLRACE_TOPICS).withCode(MILLRACE_CODE), settings, (given) =>
    connectController(given, telemetry),
  ),
  { telemetry, pipeline: settings.pipeline },
);
