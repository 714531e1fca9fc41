import { type KeyId, keyIdOf, keyOf } from '../../model/index.ts';
import type { Receiver } from '../operator.ts';
import { emitChange } from '../table/index.ts';
import { sameList, sameValue } from './same-value.ts';

/** What is a row of the result: the list of a group's best, each rank of a group, or each entry that is among the best. */
export type TopRows = 'lists' | 'ranks' | 'entries';

/** The best of a group at a moment: ids only where entries have them. */
export interface Best {
  readonly rows: readonly unknown[];
  readonly ids: readonly KeyId[];
}

export const NO_BEST: Best = { rows: [], ids: [] };

/** Emits what changed from what a group's best were to what they are, and nothing for rows that say the same as before. */
export type EmitBest = (group: KeyId, before: Best, after: Best, time: number) => void;

export function emitBest(out: Receiver, rows: TopRows): EmitBest {
  switch (rows) {
    case 'lists':
      return (group, before, after, time) => {
        if (!sameList(before.rows, after.rows)) emitChange(out, listOf(before), listOf(after), time, group);
      };
    case 'ranks':
      return (group, before, after, time) => {
        const most = Math.max(before.rows.length, after.rows.length);
        for (let i = 0; i < most; i++) {
          const [was, is] = [before.rows[i], after.rows[i]];
          if (!sameValue(was, is)) emitChange(out, was, is, time, rankKey(group, i + 1));
        }
      };
    case 'entries':
      return (group, before, after, time) => {
        before.ids.forEach((id, i) => {
          if (!after.ids.includes(id)) emitChange(out, before.rows[i], undefined, time, entryKey(group, id));
        });
        after.ids.forEach((id, i) => {
          const at = before.ids.indexOf(id);
          const was = at < 0 ? undefined : before.rows[at];
          if (!sameValue(was, after.rows[i])) emitChange(out, was, after.rows[i], time, entryKey(group, id));
        });
      };
  }
}

const listOf = ({ rows }: Best): readonly unknown[] | undefined => (rows.length === 0 ? undefined : rows);
const rankKey = (group: KeyId, rank: number): KeyId => keyIdOf({ key: keyOf(group), rank });
const entryKey = (group: KeyId, entry: KeyId): KeyId => keyIdOf({ key: keyOf(group), entry: keyOf(entry) });
