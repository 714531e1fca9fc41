/** The rules that are broken one at a time. */
import { commits } from './commits.ts';
import { groups } from './groups.ts';
import { growth } from './growth.ts';
import { logs } from './logs.ts';
import type { Mutation } from './mutation.ts';
import { time } from './time.ts';

export const mutations: readonly Mutation[] = [...logs, ...commits, ...time, ...growth, ...groups];
