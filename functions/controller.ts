/** The function of the controller, called on a schedule. */
import pipeline from 'millrace:pipeline';
import { controllerHandler } from './controller-handler.ts';
import { connect } from './ports.ts';
import { settingsFrom } from './settings.ts';

export const handler = controllerHandler(pipeline, settingsFrom(process.env), connect);
