import type { Scenario } from '../scenario.ts';
import { anchored } from './anchored.ts';
import { bounded } from './bounded.ts';
import { drift } from './drift.ts';
import { everything } from './everything.ts';
import { flaky } from './flaky.ts';
import { grid } from './grid.ts';
import { groups } from './groups.ts';
import { groupsMoody } from './groups-moody.ts';
import { growth } from './growth.ts';
import { heavy } from './heavy.ts';
import { joins } from './joins.ts';
import { joinsLate } from './joins-late.ts';
import { journaled } from './journaled.ts';
import { late } from './late.ts';
import { letters } from './letters.ts';
import { limits } from './limits.ts';
import { lookups } from './lookups.ts';
import { lostLog } from './lost-log.ts';
import { moody } from './moody.ts';
import { patterns } from './patterns.ts';
import { quiet } from './quiet.ts';
import { ranks } from './ranks.ts';
import { replay } from './replay.ts';
import { rolling } from './rolling.ts';
import { rules } from './rules.ts';
import { tables } from './tables.ts';
import { ticks } from './ticks.ts';
import { upgrade, upgradeLooking } from './upgrade.ts';
import { versions } from './versions.ts';
import { wild } from './wild.ts';
import { windows } from './windows.ts';

export const scenarios: readonly Scenario[] = [
  ...[rolling, windows, quiet, letters, flaky, journaled, upgrade, upgradeLooking],
  ...[bounded, late, drift, ticks, wild, lostLog, tables, versions, ranks],
  ...[anchored, joins, joinsLate, patterns, rules, lookups, limits],
  ...[grid, replay, moody, heavy, growth, groups, groupsMoody, everything],
];
