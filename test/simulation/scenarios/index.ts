import type { Scenario } from '../scenario.ts';
import { rolling } from './rolling.ts';
import { windows } from './windows.ts';

export const scenarios: readonly Scenario[] = [rolling, windows];
