import { isAlias, isMap, isPair, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from 'yaml';
import { formatCount } from '../../../core/format.ts';
import { quote } from '../../messages.ts';
import type { Member, Place, Scalar, SyntaxDiagnostic, Tree } from '../../tree.ts';
import type { Anchor, YamlScope } from './scope.ts';

const plainTags = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

/** Converts the nodes of one YAML text to a tree with positions in the file. */
export class YamlTree {
  readonly diagnostics: SyntaxDiagnostic[] = [];
  /** Anchors of this text, in order. */
  readonly anchors: Anchor[] = [];
  /** Aliases of this text. */
  readonly aliases: { name: string; place: Place }[] = [];
  /** Comments directly after a plain text, which may be intended as part of it. */
  readonly comments: { place: Place; text: string }[] = [];
  /** Number of values that aliases expanded to. */
  aliased = 0;
  readonly #latest = new Map<string, Anchor>();
  readonly #scope: YamlScope;
  readonly #lines: LineCounter;
  readonly #placeOf: (inText: Place) => Place;
  /** Number of values so far, with aliases expanded. */
  #size = 0;

  /**
   * @param scope anchors above this text
   * @param placeOf maps a position in the text to one in the file
   */
  constructor(scope: YamlScope, lines: LineCounter, placeOf: (inText: Place) => Place) {
    this.#scope = scope;
    this.#lines = lines;
    this.#placeOf = placeOf;
  }

  /** Returns the position in the file of an offset in the text. */
  place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return this.#placeOf({ line, column: col });
  }

  /**
   * Converts a node.
   * @param node `null` for an absent value
   * @param fallback position of a value without its own, such as that of an empty field
   */
  convert(node: unknown, fallback: Place): Tree {
    const before = this.#size++;
    if (isAlias(node)) return this.#alias(node.source, this.#nodePlace(node, fallback));
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return { place: fallback, value: null };
    const place = this.#nodePlace(node, fallback);
    if (node.tag !== undefined && !plainTags.includes(node.tag)) {
      this.diagnostics.push({ place, message: `the tag ${quote(node.tag)} is not supported` });
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
      // The offset of an absent value is after line ends and comments.
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
      this.diagnostics.push({ place, message: `no anchor ${quote(`&${name}`)} above this alias` });
      return { place, value: null };
    }
    const allowed = this.#scope.aliasesLeft;
    const before = this.aliased;
    this.#size += anchor.size;
    this.aliased += anchor.size;
    if (this.aliased <= allowed) return { ...anchor.tree, place };
    if (before <= allowed) {
      const message = `aliases expand to more than ${formatCount(allowed)} values here: reduce the values of the anchor`;
      this.diagnostics.push({ place, message });
    }
    // Not expanded: the tree would be small in memory, but walking it would take too long.
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

  /** Adds the fields of `<<: *base` or `<<: [*base, *other]` that the mapping does not have; earlier ones win. */
  #merge(tree: Tree, members: Map<string, Member>): void {
    const sources = Array.isArray(tree.value) ? tree.value : [tree];
    for (const source of sources) {
      if (source.value instanceof Map) {
        for (const [name, member] of source.value) if (!members.has(name)) members.set(name, member);
      } else if (this.diagnostics.length === 0) {
        this.diagnostics.push({ place: source.place, message: '`<<` requires a mapping, or an alias of one' });
      }
    }
  }
}

/** Returns the value of a scalar of the core schema. */
function scalarOf(value: unknown): Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
