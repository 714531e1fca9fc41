import { compareKeyIds, type KeyId } from '../../model/index.ts';
import type { Cell, CellTable } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';
import type { Comparison, Sortable } from './sort-key.ts';

/** A node of a group's tree. */
interface Node {
  /** 0: a leaf, whose ranks and ids are those of entries. Above, they are bounds of children: at or before all in it, behind all in the child before. */
  readonly height: number;
  /** The root's: how many nodes have been made. */
  made: number;
  readonly ranks: Sortable[];
  readonly ids: KeyId[];
  /** Of a leaf the entries' rows, otherwise the numbers of children. */
  readonly items: unknown[];
}

const ROOT = 0;
/** A node with more is split. */
const MOST = 16;
/** A node with fewer is joined to a neighbour, if both together have half of the most. */
const FEW = MOST / 4;

/**
 * The entries of each group in the order of their sort keys, among equals of their ids: a B+-tree a group (Bayer and McCreight 1972; Comer, The Ubiquitous B-Tree, 1979), each node a
 * cell. So a change of a group with R entries writes one leaf, now and then its parents, in time O(log R); what no entry is in is removed. The first bound of a node is not
 * looked at, so that the first child takes whatever comes before all.
 *
 * `of` says which group all else is about.
 */
export class OrderedEntries {
  readonly #nodes: CellTable<Node>;
  readonly #compare: Comparison;
  readonly #n: number;
  #group: KeyId = '';
  #root: Cell<Node> | undefined = undefined;

  /** `n`: how many of the first are of interest. */
  constructor(context: OperatorContext, name: string, compare: Comparison, n: number) {
    this.#compare = compare;
    this.#n = n;
    this.#nodes = context.table<Node>(name, { clone: copyOf, domain: 'none' });
  }

  of(group: KeyId): this {
    this.#group = group;
    this.#root = this.#nodes.find(group, ROOT);
    return this;
  }

  /** Adds an entry, of which there must be none. Returns its place among the first n, counted from 0; -1 if it is not among them. */
  insert(rank: Sortable, id: KeyId, row: unknown): number {
    const root = this.#root;
    if (root === undefined) {
      const node: Node = { height: 0, made: 1, ranks: [rank], ids: [id], items: [row] };
      this.#root = this.#nodes.create(this.#group, ROOT, node);
      return 0;
    }
    const { height } = root.value;
    const at = this.#insert(root, rank, id, row);
    if (root.value.ranks.length > MOST) this.#splitRoot(root);
    return height > 0 ? this.placeOf(rank, id) : at < this.#n ? at : -1;
  }

  /** Takes an entry out, which must be there. */
  remove(rank: Sortable, id: KeyId): void {
    const root = this.#root!;
    this.#remove(root, rank, id);
    while (root.value.height > 0 && root.value.items.length === 1) {
      const only = this.#child(root, 0);
      this.#nodes.touch(root);
      root.value = { ...copyOf(only.value), made: root.value.made };
      this.#nodes.remove(only);
    }
    if (root.value.ranks.length === 0) {
      this.#nodes.remove(root);
      this.#root = undefined;
    }
  }

  /** Gives an entry, which must be there, another row that ranks alike. */
  replace(rank: Sortable, id: KeyId, row: unknown): void {
    const cell = this.#leafOf(rank, id);
    this.#nodes.touch(cell);
    cell.value.items[this.#behind(cell.value, rank, id) - 1] = row;
  }

  /** The place of an entry, which must be there, among the first n, counted from 0; -1 if it is not among them. */
  placeOf(rank: Sortable, id: KeyId): number {
    let before = 0;
    let found = -1;
    this.#leaves(this.#root, (leaf) => {
      const upTo = this.#behind(leaf, rank, id);
      if (upTo > 0 && leaf.ids[upTo - 1] === id) found = before + upTo - 1;
      before += leaf.ids.length;
      return found < 0 && before < this.#n;
    });
    return found < this.#n ? found : -1;
  }

  /** The rank and row of an entry, which may be ranked otherwise than is thought; undefined if it is not there. Quick if it is ranked so. */
  find(id: KeyId, rank: Sortable): { readonly rank: Sortable; readonly row: unknown } | undefined {
    if (this.#root === undefined) return undefined;
    const { ranks, ids, items } = this.#leafOf(rank, id).value;
    const at = this.#behind({ ranks, ids }, rank, id) - 1;
    if (at >= 0 && ids[at] === id) return { rank: ranks[at]!, row: items[at] };
    let found: { readonly rank: Sortable; readonly row: unknown } | undefined;
    this.#leaves(this.#root, (leaf) => {
      const place = leaf.ids.indexOf(id);
      if (place >= 0) found = { rank: leaf.ranks[place]!, row: leaf.items[place] };
      return place < 0;
    });
    return found;
  }

  /** The ids of the first n entries. */
  ids(): readonly KeyId[] {
    return this.#first(({ ids }) => ids);
  }

  /** The rows of the first n entries. */
  rows(): readonly unknown[] {
    return this.#first(({ items }) => items);
  }

  #first<V>(of: (leaf: Node) => readonly V[]): readonly V[] {
    const n = this.#n;
    let first: V[] | undefined;
    this.#leaves(this.#root, (leaf) => {
      if (first === undefined) first = of(leaf).slice(0, n);
      else first.push(...of(leaf).slice(0, n - first.length));
      return first.length < n;
    });
    return first ?? [];
  }

  /** Visits leaves from the first on, until a visit says no. */
  #leaves(cell: Cell<Node> | undefined, visit: (leaf: Node) => boolean): boolean {
    if (cell === undefined) return false;
    const { value: node } = cell;
    if (node.height === 0) return visit(node);
    for (let i = 0; i < node.items.length; i++) if (!this.#leaves(this.#child(cell, i), visit)) return false;
    return true;
  }

  /** Returns the place in the leaf. */
  #insert(cell: Cell<Node>, rank: Sortable, id: KeyId, row: unknown): number {
    const at = this.#behind(cell.value, rank, id);
    if (cell.value.height === 0) {
      this.#nodes.touch(cell);
      cell.value.ranks.splice(at, 0, rank);
      cell.value.ids.splice(at, 0, id);
      cell.value.items.splice(at, 0, row);
      return at;
    }
    const index = Math.max(at - 1, 0);
    const child = this.#child(cell, index);
    const place = this.#insert(child, rank, id, row);
    const { ranks, ids } = child.value;
    if (ranks.length <= MOST) return place;
    const half = ranks.length >> 1;
    this.#nodes.touch(cell);
    cell.value.ranks.splice(index + 1, 0, ranks[half]!);
    cell.value.ids.splice(index + 1, 0, ids[half]!);
    cell.value.items.splice(index + 1, 0, this.#part(child, half, ranks.length));
    cut(child.value, half);
    return place;
  }

  #splitRoot(root: Cell<Node>): void {
    const { height, ranks, ids } = root.value;
    const half = ranks.length >> 1;
    const items = [this.#part(root, 0, half), this.#part(root, half, ranks.length)];
    const bounds = { ranks: [ranks[0]!, ranks[half]!], ids: [ids[0]!, ids[half]!] };
    root.value = { height: height + 1, made: root.value.made, ...bounds, items };
  }

  /** A new node of a part of another; its number. */
  #part(of: Cell<Node>, from: number, to: number): number {
    const { height, ranks, ids, items } = of.value;
    const root = this.#root!;
    this.#nodes.touch(root);
    const number = root.value.made++;
    this.#nodes.create(of.key, number, {
      ...{ height, made: 0 },
      ...{ ranks: ranks.slice(from, to), ids: ids.slice(from, to), items: items.slice(from, to) },
    });
    return number;
  }

  #remove(cell: Cell<Node>, rank: Sortable, id: KeyId): void {
    const at = this.#behind(cell.value, rank, id);
    if (cell.value.height === 0) {
      this.#nodes.touch(cell);
      takeOut(cell.value, at - 1);
      return;
    }
    const index = Math.max(at - 1, 0);
    const child = this.#child(cell, index);
    this.#remove(child, rank, id);
    const { length } = child.value.ranks;
    if (length === 0) {
      this.#nodes.remove(child);
      this.#nodes.touch(cell);
      takeOut(cell.value, index);
    } else if (length < FEW && cell.value.items.length > 1) this.#join(cell, Math.max(index - 1, 0));
  }

  /** Makes one node of a child and the next, if they are small enough. */
  #join(cell: Cell<Node>, index: number): void {
    const [left, right] = [this.#child(cell, index), this.#child(cell, index + 1)];
    const { ranks, ids, items } = right.value;
    if (left.value.ranks.length + ranks.length > MOST / 2) return;
    this.#nodes.touch(left);
    this.#nodes.touch(cell);
    const bounded = cell.value.height > 1;
    left.value.ranks.push(bounded ? cell.value.ranks[index + 1]! : ranks[0]!, ...ranks.slice(1));
    left.value.ids.push(bounded ? cell.value.ids[index + 1]! : ids[0]!, ...ids.slice(1));
    left.value.items.push(...items);
    this.#nodes.remove(right);
    takeOut(cell.value, index + 1);
  }

  /** The leaf in which an entry is, if it is anywhere. */
  #leafOf(rank: Sortable, id: KeyId): Cell<Node> {
    let cell = this.#root!;
    while (cell.value.height > 0) cell = this.#child(cell, Math.max(this.#behind(cell.value, rank, id) - 1, 0));
    return cell;
  }

  #child(cell: Cell<Node>, index: number): Cell<Node> {
    return this.#nodes.find(cell.key, cell.value.items[index] as number)!;
  }

  /** How many of a node's places are at or before this one. */
  #behind({ ranks, ids }: Pick<Node, 'ranks' | 'ids'>, rank: Sortable, id: KeyId): number {
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

const copyOf = ({ height, made, ranks, ids, items }: Node): Node => ({
  ...{ height, made },
  ...{ ranks: ranks.slice(), ids: ids.slice(), items: items.slice() },
});

function cut(node: Node, length: number): void {
  node.ranks.length = length;
  node.ids.length = length;
  node.items.length = length;
}

function takeOut(node: Node, index: number): void {
  node.ranks.splice(index, 1);
  node.ids.splice(index, 1);
  node.items.splice(index, 1);
}
