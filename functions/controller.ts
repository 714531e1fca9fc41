/** The function of the controller, called on a schedule. */
import pipeline from 'millrace:pipeline';
import { controllerHandler } from './controller-handler.ts';
import { connectController } from './controller-ports.ts';
import { settingsFrom } from './settings.ts';
import { bindTopics } from './topics.ts';

export const handler = controllerHandler(
  bindTopics(pipeline, MILLRACE_TOPICS).withCode(MILLRACE_CODE),
  settingsFrom(process.env),
  connectController,
);
