import type { Scenario } from '../scenario.ts';
import { journaled } from './journaled.ts';
import { letters } from './letters.ts';
import { quiet } from './quiet.ts';
import { rolling } from './rolling.ts';
import { upgrade } from './upgrade.ts';
import { windows } from './windows.ts';

export const scenarios: readonly Scenario[] = [rolling, windows, quiet, letters, journaled, upgrade];
