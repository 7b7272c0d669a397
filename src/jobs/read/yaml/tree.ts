import { isAlias, isMap, isPair, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from 'yaml';
import type { Member, Place, Scalar, SyntaxDiagnostic, Tree } from '../../tree.ts';
import { quote } from '../../messages.ts';
import type { Anchor, YamlScope } from './scope.ts';

const plainTags = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

/** Turns the nodes of one YAML text into a tree with the places of the whole file. */
export class YamlTree {
  readonly diagnostics: SyntaxDiagnostic[] = [];
  /** Anchors of this text, in the order in which they are set. */
  readonly anchors: Anchor[] = [];
  /** Aliases of this text. */
  readonly aliases: { name: string; place: Place }[] = [];
  /** Comments that begin right at a plain text: the user may have meant them as a part of it. */
  readonly comments: { place: Place; text: string }[] = [];
  /** Values that aliases put in. */
  aliased = 0;
  readonly #latest = new Map<string, Anchor>();
  readonly #scope: YamlScope;
  readonly #lines: LineCounter;
  readonly #placeOf: (inText: Place) => Place;
  /** Values so far, each as often as aliases make it stand there. */
  #size = 0;

  /**
   * @param scope of the file: the anchors set above this text
   * @param placeOf the place in the file of a place in the text
   */
  constructor(scope: YamlScope, lines: LineCounter, placeOf: (inText: Place) => Place) {
    this.#scope = scope;
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
      this.diagnostics.push({ place, message: `the tag ${quote(node.tag)} has no meaning here` });
      return { place, value: null };
    }
    const tree: Tree = { place, value: null };
    if (isScalar(node)) {
      tree.value = scalarOf(node.value);
      const { source, comment } = node;
      if (typeof tree.value !== 'string' && tree.value !== null && source !== undefined) tree.written = source;
      if (node.type === 'PLAIN' && typeof tree.value === 'string' && comment && /^[^\s#!-]/.test(comment)) {
        this.comments.push({ place, text: `#${comment}` });
      }
      // What was left out has an offset, but after line ends and comments.
      if (node.source === '' && node.type === 'PLAIN') tree.place = fallback;
    } else if (isSeq(node)) tree.value = node.items.map((item) => this.convert(item, place));
    else if (isMap(node)) tree.value = this.#map(node);
    if (node.anchor !== undefined) {
      const anchor = { name: node.anchor, tree, size: this.#size - before };
      this.anchors.push(anchor);
      this.#latest.set(anchor.name, anchor);
    }
    return tree;
  }

  #nodePlace(node: Node, fallback: Place): Place {
    return node.range ? this.place(node.range[0]) : fallback;
  }

  #alias(name: string, place: Place): Tree {
    this.aliases.push({ name, place });
    const anchor = this.#latest.get(name) ?? this.#scope.anchor(name);
    if (anchor === undefined) {
      this.diagnostics.push({ place, message: `no anchor ${quote(`&${name}`)} stands above this alias` });
      return { place, value: null };
    }
    const allowed = this.#scope.aliasesLeft;
    const before = this.aliased;
    this.#size += anchor.size;
    this.aliased += anchor.size;
    if (this.aliased <= allowed) return { ...anchor.tree, place };
    if (before <= allowed) {
      const message = `aliases stand for more than ${allowed.toLocaleString('en')} values here: put fewer values behind the anchor`;
      this.diagnostics.push({ place, message });
    }
    // Nothing is put in: the tree would be small, but walking it would not end.
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
    this.diagnostics.push({ place, message: 'the name of a field must be text' });
    return undefined;
  }

  #twice(key: { name: string; place: Place }, members: ReadonlyMap<string, Member>): void {
    const message = `is given twice: first at line ${members.get(key.name)?.key.line}`;
    this.diagnostics.push({ place: key.place, field: key.name, message });
  }

  /** `<<: *base` or `<<: [*base, *other]`: fields that the mapping does not have itself; earlier ones win. */
  #merge(tree: Tree, members: Map<string, Member>): void {
    const sources = Array.isArray(tree.value) ? tree.value : [tree];
    for (const source of sources) {
      if (source.value instanceof Map) {
        for (const [name, member] of source.value) if (!members.has(name)) members.set(name, member);
      } else if (this.diagnostics.length === 0) {
        this.diagnostics.push({ place: source.place, message: '`<<` takes a mapping, such as an alias of one' });
      }
    }
  }
}

/** Without tags of its own, a scalar of the core schema is one of these. */
function scalarOf(value: unknown): Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
