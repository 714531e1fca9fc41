import type { Case } from './case.ts';
import { flightCases } from './flights.ts';
import { windowCases } from './windows.ts';

export const cases: readonly Case[] = [...flightCases, ...windowCases];
