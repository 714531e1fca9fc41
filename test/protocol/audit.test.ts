import { describe, expect, it } from 'vitest';
import type { Position } from '../../lib/model/index.ts';
import { type AuditedTask, audit } from '../../lib/protocol/index.ts';
import { planOf, taskOf } from './pipeline-facts.ts';
import { upTo } from './spoken-frame.ts';

const plan = planOf({ src: {} }, [['src', 'win']]);
const failure = { kind: 'operator-failed', message: 'no', at: 0 };

const sender = (sent: readonly Position[], said = {}): AuditedTask => ({
  ...taskOf('src#0', { nextOffset: 9, ...said }),
  thru: undefined,
  sent: { 'src-win': sent },
});
const receiver = (name: string, thru: Position | undefined, said = {}, log = {}): AuditedTask => ({
  ...taskOf(name, { nextOffset: 4, ...said }, log),
  thru: (edge, task) => (edge === 'src-win' && task === 0 ? thru : undefined),
  sent: undefined,
});

describe('the audit', () => {
  it('15: stops a receiver that has read its whole log and lacks what was sent to it', () => {
    const tasks = [sender([upTo(7), upTo(8)]), receiver('win#0', upTo(7)), receiver('win#1', upTo(7))];
    expect(audit(plan, tasks)).toEqual([
      {
        task: { stage: 'win', partition: 1 },
        reason: 'lost',
        message:
          'frames of channel src-win#0 are lost: sent as far as (8, all), applied as far as (7, all), log read to its end 4',
      },
    ]);
    expect(audit(plan, [sender([upTo(7)]), receiver('win#0', undefined)])).toHaveLength(1);
    expect(audit(plan, [sender([]), receiver('win#0', undefined)])).toEqual([]);
  });

  it('15: lets frames be under way: owed by the sender, or not yet read', () => {
    const lacking = receiver('win#0', upTo(2));
    expect(audit(plan, [sender([upTo(7)], { debts: 1 }), lacking])).toEqual([]);
    expect(audit(plan, [sender([upTo(7)]), receiver('win#0', upTo(2), {}, { end: 5 })])).toEqual([]);
    expect(audit(plan, [sender([upTo(7)]), { ...lacking, thru: undefined }])).toEqual([]);
    const stopped = { kind: 'stopped', reason: 'gap', failure, skip: [] } as const;
    expect(audit(plan, [sender([upTo(7)]), receiver('win#0', upTo(2), { status: stopped })])).toEqual([]);
  });

  it('14: finds logs that are not those that were read', () => {
    const tasks = [
      sender([]),
      receiver('win#0', undefined, {}, { end: 3 }),
      receiver('win#1', undefined, { topicId: 'u' }),
    ];
    expect(audit(plan, tasks).map(({ reason }) => reason)).toEqual(['data-lost', 'data-lost']);
  });
});
