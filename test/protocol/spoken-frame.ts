import { ALL, NOTHING, type Position } from '../../lib/model/index.ts';
import type { Claim, Claims, Frame } from '../../lib/protocol/index.ts';

/** All that the message at `cause` caused, or its outputs up to `k`. */
export const upTo = (cause: number, k = ALL): Position => ({ cause, k });

interface Said {
  readonly edge?: string;
  readonly task?: number;
  readonly channels?: number;
  readonly prev?: Position;
  readonly thru: Position;
  /** Positions of the records. */
  readonly at?: readonly Position[];
  readonly steps?: readonly number[];
}

/** A frame of which only positions and steps matter. */
export function frameOf({
  edge = 'in',
  task = 0,
  channels = 1,
  prev = NOTHING,
  thru,
  at = [],
  steps = [],
}: Said): Frame {
  return {
    kind: 'frame',
    run: 'r',
    channel: { edge, task },
    channels,
    epoch: 0,
    prev,
    thru,
    values: at.map(({ cause, k }) => `${cause}.${k}`),
    keys: undefined,
    times: at.map(() => 0),
    causes: at.map(({ cause }) => cause),
    ks: at.map(({ k }) => k),
    steps,
  };
}

/** A claim about channel in#0 unless said otherwise. */
export function claimOn(claim: Partial<Claim> & { readonly edge?: string; readonly task?: number }): Claim {
  const { edge = 'in', task = 0, prev = NOTHING, upTo: end = 0, silentSince = 0 } = claim;
  return { channel: { edge, task }, prev, upTo: end, watermark: claim.watermark, silentSince };
}

export const claimsOf = (time: number, list: readonly Claim[], edges: Claims['edges'] = []): Claims => ({
  kind: 'claims',
  run: 'r',
  time,
  edges,
  list,
});
