/** The function of one stage. */
import pipeline from 'millrace:pipeline';
import { connect } from './ports.ts';
import { settingsFrom } from './settings.ts';
import { stageHandler } from './stage-handler.ts';

export const handler = stageHandler(pipeline, settingsFrom(process.env), connect);
