import { isAlias, isMap, isPair, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from 'yaml';
import { MAX_ALIASED } from '../../limits.ts';
import type { Fault, Member, Place, Scalar, Tree } from '../../tree.ts';
import { quote } from '../../wording.ts';

/** What the anchors of a header stand for, for the jobs below it. */
export type Anchors = Map<string, { tree: Tree; size: number }>;

const plainTags = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

/** Turns the nodes of one YAML text into a tree with the places of the whole file. */
export class YamlTree {
  readonly faults: Fault[] = [];
  readonly anchors: Anchors;
  readonly #lines: LineCounter;
  readonly #placeOf: (inText: Place) => Place;
  /** Values so far, each as often as aliases make it stand there. */
  #size = 0;
  /** Those of them that aliases put there. */
  #aliased = 0;

  /**
   * @param anchors of the header; those of this text are added
   * @param placeOf the place in the file of a place in the text
   */
  constructor(anchors: Anchors, lines: LineCounter, placeOf: (inText: Place) => Place) {
    this.anchors = new Map(anchors);
    this.#lines = lines;
    this.#placeOf = placeOf;
  }

  /** The place in the file of an offset in the text. */
  place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return this.#placeOf({ line, column: col });
  }

  /**
   * @param node what stands there; nothing is a value that was left out
   * @param fallback the place of a value that has none of its own, such as the one of an empty field
   */
  convert(node: unknown, fallback: Place): Tree {
    const before = this.#size++;
    if (isAlias(node)) return this.#alias(node.source, this.#nodePlace(node, fallback));
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return { place: fallback, value: null };
    const place = this.#nodePlace(node, fallback);
    if (node.tag !== undefined && !plainTags.includes(node.tag)) {
      this.faults.push({ place, message: `the tag ${quote(node.tag)} has no meaning here` });
      return { place, value: null };
    }
    const tree: Tree = { place, value: null };
    if (isScalar(node)) {
      tree.value = scalarOf(node.value);
      // What was left out has an offset, but after line ends and comments.
      if (node.source === '' && node.type === 'PLAIN') tree.place = fallback;
    } else if (isSeq(node)) tree.value = node.items.map((item) => this.convert(item, place));
    else if (isMap(node)) tree.value = this.#map(node);
    if (node.anchor !== undefined) this.anchors.set(node.anchor, { tree, size: this.#size - before });
    return tree;
  }

  #nodePlace(node: Node, fallback: Place): Place {
    return node.range ? this.place(node.range[0]) : fallback;
  }

  #alias(name: string, place: Place): Tree {
    const anchor = this.anchors.get(name);
    if (anchor === undefined) {
      const message = `no anchor ${quote(`&${name}`)} before this: jobs can use the anchors above \`jobs\`, not those of other jobs`;
      this.faults.push({ place, message });
      return { place, value: null };
    }
    const before = this.#aliased;
    this.#size += anchor.size;
    this.#aliased += anchor.size;
    if (this.#aliased <= MAX_ALIASED) return { ...anchor.tree, place };
    if (before <= MAX_ALIASED) {
      this.faults.push({ place, message: `aliases stand for more than ${MAX_ALIASED.toLocaleString('en')} values` });
    }
    // Nothing is put in: the tree would be small, but what walks it would not end.
    return { place, value: null };
  }

  #map(node: YAMLMap): Map<string, Member> {
    const members = new Map<string, Member>();
    const merged: Member[] = [];
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = this.#key(pair.key);
      if (key === undefined) continue;
      const member = { key: key.place, value: this.convert(pair.value, key.place) };
      if (key.name === '<<' && key.plain) merged.push(member);
      else if (members.has(key.name)) this.#twice(key, members);
      else members.set(key.name, member);
    }
    for (const member of merged) this.#merge(member.value, members);
    return members;
  }

  #key(node: unknown): { name: string; place: Place; plain: boolean } | undefined {
    const range = (node as { range?: [number, number, number] } | null)?.range;
    const place = this.place(range?.[0] ?? 0);
    if (isScalar(node)) {
      const name = typeof node.value === 'string' ? node.value : (node.source ?? '');
      return { name, place, plain: node.type === 'PLAIN' };
    }
    if (node === null) return { name: '', place, plain: false };
    this.faults.push({ place, message: 'the name of a field must be text' });
    return undefined;
  }

  #twice(key: { name: string; place: Place }, members: ReadonlyMap<string, Member>): void {
    const message = `is given twice: first at line ${members.get(key.name)?.key.line}`;
    this.faults.push({ place: key.place, field: key.name, message });
  }

  /** `<<: *base` or `<<: [*base, *other]`: fields that the mapping does not have itself; earlier ones win. */
  #merge(tree: Tree, members: Map<string, Member>): void {
    const sources = Array.isArray(tree.value) ? tree.value : [tree];
    for (const source of sources) {
      if (source.value instanceof Map) {
        for (const [name, member] of source.value) if (!members.has(name)) members.set(name, member);
      } else if (this.faults.length === 0) {
        this.faults.push({ place: source.place, message: '`<<` takes a mapping, such as an alias of one' });
      }
    }
  }
}

/** Without tags of its own, a scalar of the core schema is one of these. */
function scalarOf(value: unknown): Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
