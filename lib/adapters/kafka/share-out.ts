/**
 * Who of a group's members gets which items: pure, so that any member that is made the leader decides the same.
 *
 * Everyone gets as many as the others, one more or less, and as far as possible as many of each stage; of the ways to that, one that moves little. An item
 * nobody has goes to a member that has its state in memory. An item that a living member has to give up is nobody's until that member has said that it
 * has let go of it: the incremental cooperative way (KIP-429), by which all that does not move goes on meanwhile.
 */

export interface Claimant {
  readonly id: string;
  /** Generation of the group that gave it what it owns: of two who claim an item, the later is right. */
  readonly generation: number;
  readonly owned: readonly string[];
  /** Items whose state it has in memory. */
  readonly warm: readonly string[];
}

export interface Dealt {
  readonly own: readonly string[];
  readonly copies: readonly string[];
}

interface Hand {
  readonly member: Claimant;
  readonly warm: ReadonlySet<string>;
  readonly items: Set<string>;
  readonly byStage: Map<string, number>;
}

/** Deals all items. `copies`: how many other members keep a copy of each task. */
export function shareOut(
  items: readonly string[],
  members: readonly Claimant[],
  copies: number,
): ReadonlyMap<string, Dealt> {
  const owners = ownersOf(items, members);
  const hands = [...members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((member): Hand => ({ member, warm: new Set(member.warm), items: new Set(), byStage: new Map() }));
  for (const item of items) {
    const owner = owners.get(item);
    if (owner !== undefined) give(hands.find(({ member }) => member.id === owner)!, item);
  }
  shed(items.length, hands);
  deal(items, hands);
  const moving = new Set(items.filter((item) => isMoving(item, owners.get(item), hands)));
  const kept = copies > 0 && hands.length > 1 ? copiesOf(items, hands, Math.min(copies, hands.length - 1)) : undefined;
  return new Map(
    hands.map((hand) => [
      hand.member.id,
      { own: [...hand.items].filter((item) => !moving.has(item)), copies: kept?.get(hand) ?? [] },
    ]),
  );
}

/** Tasks are named `stage/partition`; anything else stands for itself. */
const stageOf = (item: string): string => {
  const slash = item.lastIndexOf('/');
  return slash < 0 ? item : item.slice(0, slash);
};

const isTask = (item: string): boolean => item.includes('/');

const countOf = ({ byStage }: Hand, item: string): number => byStage.get(stageOf(item)) ?? 0;

function give(hand: Hand, item: string): void {
  hand.items.add(item);
  hand.byStage.set(stageOf(item), countOf(hand, item) + 1);
}

function drop(hand: Hand, item: string): void {
  hand.items.delete(item);
  hand.byStage.set(stageOf(item), countOf(hand, item) - 1);
}

/** Who has each item now. */
function ownersOf(items: readonly string[], members: readonly Claimant[]): ReadonlyMap<string, string> {
  const known = new Set(items);
  const owners = new Map<string, string>();
  for (const { id, owned } of [...members].sort((a, b) => a.generation - b.generation || (a.id < b.id ? -1 : 1))) {
    for (const item of owned) if (known.has(item)) owners.set(item, id);
  }
  return owners;
}

/** Takes from those who have more than their part, of the stages first of which they have most. */
function shed(total: number, hands: readonly Hand[]): void {
  const least = Math.floor(total / hands.length);
  let larger = total % hands.length;
  for (const hand of [...hands].sort((a, b) => b.items.size - a.items.size)) {
    const part = larger > 0 && hand.items.size > least ? least + 1 : least;
    if (part > least) larger--;
    while (hand.items.size > part) {
      let most: string | undefined;
      for (const item of hand.items) if (most === undefined || countOf(hand, item) >= countOf(hand, most)) most = item;
      drop(hand, most as string);
    }
  }
}

/** Gives what nobody has to those who have room, first to those who have it in memory. */
function deal(items: readonly string[], hands: readonly Hand[]): void {
  const held = new Set(hands.flatMap((hand) => [...hand.items]));
  const least = Math.floor(items.length / hands.length);
  let larger = (items.length % hands.length) - hands.filter((hand) => hand.items.size > least).length;
  const hasRoom = (hand: Hand): boolean => hand.items.size < least || (hand.items.size === least && larger > 0);
  const giveTo = (hand: Hand, item: string): void => {
    if (hand.items.size === least) larger--;
    give(hand, item);
  };
  const cold: string[] = [];
  for (const item of items.filter((each) => !held.has(each))) {
    const [warmest] = hands.filter((hand) => hand.warm.has(item) && hasRoom(hand)).sort(byLoad(item));
    if (warmest === undefined) cold.push(item);
    else giveTo(warmest, item);
  }
  for (const item of cold) giveTo(hands.filter(hasRoom).sort(byLoad(item))[0] as Hand, item);
}

const byLoad =
  (item: string) =>
  (a: Hand, b: Hand): number =>
    countOf(a, item) - countOf(b, item) || a.items.size - b.items.size;

const isMoving = (item: string, owner: string | undefined, hands: readonly Hand[]): boolean =>
  owner !== undefined && !hands.some(({ member, items }) => member.id === owner && items.has(item));

/** For each member the tasks of others to keep copies of: those it has in memory already, then evenly. */
function copiesOf(
  items: readonly string[],
  hands: readonly Hand[],
  copies: number,
): ReadonlyMap<Hand, readonly string[]> {
  const kept = new Map<Hand, string[]>(hands.map((hand) => [hand, []]));
  for (const item of items.filter(isTask)) {
    const others = hands.filter((hand) => !hand.items.has(item));
    const load = (hand: Hand): number => kept.get(hand)!.length;
    const isWarm = (hand: Hand): number =>
      hand.warm.has(item) && load(hand) * hands.length <= 2 * items.length * copies ? 0 : 1;
    others.sort((a, b) => isWarm(a) - isWarm(b) || load(a) - load(b));
    for (const hand of others.slice(0, copies)) kept.get(hand)!.push(item);
  }
  return kept;
}
