import { compareKeyIds, type KeyId } from '../../model/index.ts';
import type { Cell, CellTable } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';
import type { Comparison, Sortable } from './sort-key.ts';

/** An entry's place: by its sort key, among equals by its id. */
export interface Place {
  readonly rank: Sortable;
  readonly id: KeyId;
}

/** A node of a group's tree. */
interface Node {
  /** 0: a leaf, whose ranks and ids are those of entries. Above, they are bounds of children: at or before all in it, behind all in the child before. */
  readonly height: number;
  /** The root's: how many nodes have been made. */
  made: number;
  readonly ranks: Sortable[];
  readonly ids: KeyId[];
  readonly children: number[];
}

const ROOT = 0;
/** A node with more is split. */
const MOST = 32;
/** A node with fewer is joined to a neighbour, if both together have half of the most. */
const FEW = MOST / 4;

/**
 * The entries of each group in the order of their sort keys: a B+-tree a group (Bayer and McCreight 1972; Comer, The Ubiquitous B-Tree, 1979), each node a cell.
 * So a change of a group with R entries writes one leaf, now and then its parents, in time O(log R); what no entry is in is removed. The first bound of a node is not looked at,
 * so that the first child takes whatever comes before all.
 */
export class OrderedEntries {
  readonly #nodes: CellTable<Node>;
  readonly #compare: Comparison;

  constructor(context: OperatorContext, name: string, compare: Comparison) {
    this.#compare = compare;
    this.#nodes = context.table<Node>(name, { clone: copyOf, domain: 'none' });
  }

  /** Negative if the first stands before the second. */
  compare(a: Place, b: Place): number {
    return this.#compare(a.rank, b.rank) || compareKeyIds(a.id, b.id);
  }

  /** Adds an entry, of which there must be none with this place. */
  insert(group: KeyId, place: Place): void {
    const root = this.#nodes.find(group, ROOT);
    if (root === undefined) {
      this.#nodes.create(group, ROOT, { height: 0, made: 1, ranks: [place.rank], ids: [place.id], children: [] });
      return;
    }
    this.#insert(root, root, place);
    if (root.value.ranks.length <= MOST) return;
    const { height, ranks, ids } = root.value;
    const half = ranks.length >> 1;
    const children = [this.#part(root, 0, half, root), this.#part(root, half, ranks.length, root)];
    root.value = {
      ...{ height: height + 1, made: root.value.made },
      ...{ ranks: [ranks[0]!, ranks[half]!], ids: [ids[0]!, ids[half]!], children },
    };
  }

  /** Takes an entry out, which must be there. */
  remove(group: KeyId, place: Place): void {
    const root = this.#nodes.find(group, ROOT)!;
    this.#remove(root, place);
    while (root.value.height > 0 && root.value.children.length === 1) {
      const only = this.#child(root, 0);
      this.#nodes.touch(root);
      root.value = { ...copyOf(only.value), made: root.value.made };
      this.#nodes.remove(only);
    }
    if (root.value.ranks.length === 0) this.#nodes.remove(root);
  }

  /** The n-th entry of a group, counted from 1, or undefined. */
  nth(group: KeyId, n: number): Place | undefined {
    let left = n;
    let found: Place | undefined;
    this.#leaves(this.#nodes.find(group, ROOT), ({ ranks, ids }) => {
      if (left <= ranks.length) found = { rank: ranks[left - 1]!, id: ids[left - 1]! };
      left -= ranks.length;
      return left > 0;
    });
    return found;
  }

  /** The ids of the first n entries of a group. */
  first(group: KeyId, n: number): KeyId[] {
    const first: KeyId[] = [];
    this.#leaves(this.#nodes.find(group, ROOT), ({ ids }) => {
      for (let i = 0; i < ids.length && first.length < n; i++) first.push(ids[i]!);
      return first.length < n;
    });
    return first;
  }

  /** Visits leaves from the first on, until a visit says no. */
  #leaves(cell: Cell<Node> | undefined, visit: (leaf: Node) => boolean): boolean {
    if (cell === undefined) return false;
    const { value: node } = cell;
    if (node.height === 0) return visit(node);
    for (let i = 0; i < node.children.length; i++) if (!this.#leaves(this.#child(cell, i), visit)) return false;
    return true;
  }

  #insert(cell: Cell<Node>, root: Cell<Node>, place: Place): void {
    const at = this.#behind(cell.value, place);
    if (cell.value.height === 0) {
      this.#nodes.touch(cell);
      cell.value.ranks.splice(at, 0, place.rank);
      cell.value.ids.splice(at, 0, place.id);
      return;
    }
    const index = Math.max(at - 1, 0);
    const child = this.#child(cell, index);
    this.#insert(child, root, place);
    const { ranks, ids } = child.value;
    if (ranks.length <= MOST) return;
    const half = ranks.length >> 1;
    this.#nodes.touch(cell);
    cell.value.ranks.splice(index + 1, 0, ranks[half]!);
    cell.value.ids.splice(index + 1, 0, ids[half]!);
    cell.value.children.splice(index + 1, 0, this.#part(child, half, ranks.length, root));
    cut(child.value, half);
  }

  /** A new node of a part of another; its number. */
  #part(of: Cell<Node>, from: number, to: number, root: Cell<Node>): number {
    const { height, ranks, ids, children } = of.value;
    this.#nodes.touch(root);
    const number = root.value.made++;
    this.#nodes.create(of.key, number, {
      ...{ height, made: 0 },
      ...{ ranks: ranks.slice(from, to), ids: ids.slice(from, to), children: children.slice(from, to) },
    });
    return number;
  }

  #remove(cell: Cell<Node>, place: Place): void {
    const at = this.#behind(cell.value, place);
    if (cell.value.height === 0) {
      this.#nodes.touch(cell);
      takeOut(cell.value, at - 1);
      return;
    }
    const index = Math.max(at - 1, 0);
    const child = this.#child(cell, index);
    this.#remove(child, place);
    const { length } = child.value.ranks;
    if (length === 0) {
      this.#nodes.remove(child);
      this.#nodes.touch(cell);
      takeOut(cell.value, index);
    } else if (length < FEW && cell.value.children.length > 1) this.#join(cell, Math.max(index - 1, 0));
  }

  /** Makes one node of a child and the next, if they are small enough. */
  #join(cell: Cell<Node>, index: number): void {
    const [left, right] = [this.#child(cell, index), this.#child(cell, index + 1)];
    const { ranks, ids, children } = right.value;
    if (left.value.ranks.length + ranks.length > MOST / 2) return;
    this.#nodes.touch(left);
    this.#nodes.touch(cell);
    left.value.ranks.push(cell.value.height > 1 ? cell.value.ranks[index + 1]! : ranks[0]!, ...ranks.slice(1));
    left.value.ids.push(cell.value.height > 1 ? cell.value.ids[index + 1]! : ids[0]!, ...ids.slice(1));
    left.value.children.push(...children);
    this.#nodes.remove(right);
    takeOut(cell.value, index + 1);
  }

  #child(cell: Cell<Node>, index: number): Cell<Node> {
    return this.#nodes.find(cell.key, cell.value.children[index]!)!;
  }

  /** How many of a node's places are at or before this one. */
  #behind({ ranks, ids }: Node, { rank, id }: Place): number {
    let low = 0;
    let high = ranks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const compared = this.#compare(ranks[middle]!, rank) || compareKeyIds(ids[middle]!, id);
      if (compared <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const copyOf = ({ height, made, ranks, ids, children }: Node): Node => ({
  ...{ height, made },
  ...{ ranks: ranks.slice(), ids: ids.slice(), children: children.slice() },
});

function cut(node: Node, length: number): void {
  node.ranks.length = length;
  node.ids.length = length;
  if (node.height > 0) node.children.length = length;
}

function takeOut(node: Node, index: number): void {
  node.ranks.splice(index, 1);
  node.ids.splice(index, 1);
  if (node.height > 0) node.children.splice(index, 1);
}
