/**
 * Who of a group's members gets which items: pure, so that any member that is made the leader decides the same.
 *
 * Everyone gets as many as the others, one more or less, and as far as possible as many of each stage; of the ways to that, one that moves little. An item
 * nobody has goes to a member that has its state in memory. An item that a living member has to give up is nobody's until that member has said that it
 * has let go of it: the incremental cooperative way (KIP-429), by which all that does not move goes on meanwhile.
 *
 * Members need not know the same items: one that has seen a source grow knows more, and one of other code other ones. Nobody gets what he does not know.
 */

export interface Claimant {
  readonly id: string;
  /** Generation of the group that gave it what it owns: of two who claim an item, the later is right. */
  readonly generation: number;
  /** All that it could work on. */
  readonly items: readonly string[];
  readonly owned: readonly string[];
  /** Items whose state it has in memory. */
  readonly warm: readonly string[];
}

export interface Dealt {
  readonly own: readonly string[];
  readonly copies: readonly string[];
}

/** What a member holds while the items are dealt. */
interface Hand {
  readonly member: Claimant;
  readonly warm: ReadonlySet<string>;
  readonly items: Set<string>;
  readonly byStage: Map<string, number>;
}

/** Items that the same members know. */
interface Kind {
  readonly items: readonly string[];
  readonly hands: readonly Hand[];
}

/** Deals all items that anybody knows. `copies`: how many other members keep a copy of each task. */
export function shareOut(members: readonly Claimant[], copies: number): ReadonlyMap<string, Dealt> {
  const hands = [...members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((member): Hand => ({ member, warm: new Set(member.warm), items: new Set(), byStage: new Map() }));
  const owners = ownersOf(hands);
  const kinds = kindsOf(hands);
  for (const kind of kinds) dealKind(kind, owners);
  const isMoving = (item: string): boolean => {
    const owner = owners.get(item);
    return owner !== undefined && !owner.items.has(item);
  };
  const kept = new Map<Hand, string[]>(hands.map((hand) => [hand, []]));
  for (const kind of kinds) keepCopies(kind, copies, kept);
  return new Map(
    hands.map((hand) => [
      hand.member.id,
      { own: [...hand.items].filter((item) => !isMoving(item)), copies: kept.get(hand) as string[] },
    ]),
  );
}

/** Tasks are named `stage/partition...`; anything else stands for itself. */
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

/** Who has each item now, of those who know it. */
function ownersOf(hands: readonly Hand[]): ReadonlyMap<string, Hand> {
  const owners = new Map<string, Hand>();
  for (const hand of [...hands].sort((a, b) => a.member.generation - b.member.generation)) {
    const known = new Set(hand.member.items);
    for (const item of hand.member.owned) if (known.has(item)) owners.set(item, hand);
  }
  return owners;
}

/** Items by who knows them, those first that few know: the others make up for it. */
function kindsOf(hands: readonly Hand[]): readonly Kind[] {
  const knowing = new Map<string, Hand[]>();
  for (const hand of hands) {
    for (const item of new Set(hand.member.items)) {
      const known = knowing.get(item);
      if (known === undefined) knowing.set(item, [hand]);
      else known.push(hand);
    }
  }
  const kinds = Map.groupBy(knowing.keys(), (item) =>
    knowing
      .get(item)!
      .map(({ member }) => member.id)
      .join('\0'),
  );
  return [...kinds.values()]
    .map((items) => ({ items: items.sort(), hands: knowing.get(items[0] as string)! }))
    .sort((a, b) => a.hands.length - b.hands.length || ((a.items[0] as string) < (b.items[0] as string) ? -1 : 1));
}

/** Deals the items of one kind to those who know them: each keeps what he has up to his part, and the rest goes to those who have less. */
function dealKind(kind: Kind, owners: ReadonlyMap<string, Hand>): void {
  const owned = Map.groupBy(kind.items, (item) => owners.get(item));
  const parts = partsOf(kind, owned);
  const room = new Map(parts);
  const free = [...(owned.get(undefined) ?? [])];
  for (const hand of kind.hands) {
    const items = new Set(owned.get(hand));
    for (const item of items) give(hand, item);
    for (; items.size > parts.get(hand)!; ) {
      let most: string | undefined;
      for (const item of items) if (most === undefined || countOf(hand, item) >= countOf(hand, most)) most = item;
      items.delete(most as string);
      drop(hand, most as string);
      free.push(most as string);
    }
    room.set(hand, parts.get(hand)! - items.size);
  }
  const giveTo = (hand: Hand, item: string): void => {
    room.set(hand, room.get(hand)! - 1);
    give(hand, item);
  };
  const cold: string[] = [];
  const roomy = (): Hand[] => kind.hands.filter((hand) => room.get(hand)! > 0);
  for (const item of free.sort()) {
    const [warmest] = roomy()
      .filter((hand) => hand.warm.has(item))
      .sort(byLoad(item));
    if (warmest === undefined) cold.push(item);
    else giveTo(warmest, item);
  }
  for (const item of cold) giveTo(roomy().sort(byLoad(item))[0] as Hand, item);
}

/** How many each is to have: such that all have as many, with what they hold already; of what is left over first those get one more who own more. */
function partsOf(
  { items, hands }: Kind,
  owned: ReadonlyMap<Hand | undefined, readonly string[]>,
): ReadonlyMap<Hand, number> {
  const parts = new Map<Hand, number>(hands.map((hand) => [hand, 0]));
  const held = (hand: Hand): number => hand.items.size + parts.get(hand)!;
  const surplus = (hand: Hand): number => (owned.get(hand)?.length ?? 0) - parts.get(hand)!;
  for (let left = items.length; left > 0; left--) {
    let least = hands[0] as Hand;
    for (const hand of hands) {
      const order = held(hand) - held(least) || surplus(least) - surplus(hand);
      if (order < 0) least = hand;
    }
    parts.set(least, parts.get(least)! + 1);
  }
  return parts;
}

const byLoad =
  (item: string) =>
  (a: Hand, b: Hand): number =>
    countOf(a, item) - countOf(b, item) || a.items.size - b.items.size;

/** Gives each task's copies to others: to those who have it in memory already, while that is not far from even, then evenly. */
function keepCopies({ items, hands }: Kind, copies: number, kept: Map<Hand, string[]>): void {
  const tasks = items.filter(isTask);
  const fair = (2 * tasks.length * copies) / hands.length;
  for (const item of copies === 0 ? [] : tasks) {
    const load = (hand: Hand): number => kept.get(hand)!.length;
    const isCold = (hand: Hand): number => (hand.warm.has(item) && load(hand) <= fair ? 0 : 1);
    const others = hands.filter((hand) => !hand.items.has(item));
    others.sort((a, b) => isCold(a) - isCold(b) || load(a) - load(b));
    for (const hand of others.slice(0, copies)) kept.get(hand)!.push(item);
  }
}
