/** The function of one stage. */
import pipeline from 'millrace:pipeline';
import { connect } from './ports.ts';
import { settingsFrom } from './settings.ts';
import { stageHandler } from './stage-handler.ts';
import { bindTopics } from './topics.ts';

export const handler = stageHandler(
  bindTopics(pipeline, MILLRACE_TOPICS).withCode(MILLRACE_CODE),
  settingsFrom(process.env),
  connect,
);
