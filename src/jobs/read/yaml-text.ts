import { Composer, LineCounter, Parser, visit, type CST, type Document, type YAMLParseError } from 'yaml';
import { MAX_DEPTH } from '../limits.ts';
import type { Fault, Tree } from '../tree.ts';
import { YamlTree, type Anchors } from './yaml-tree.ts';

export interface YamlText {
  /** `undefined` when the text is broken, or holds nothing but comments. */
  tree: Tree | undefined;
  faults: Fault[];
  /** Those given, and those of this text. */
  anchors: Anchors;
}

/**
 * Parses one piece of a YAML file.
 * @param firstLine the line of the file in which it begins
 * @param anchors what aliases in it may stand for, besides its own anchors
 */
export function parseYaml(text: string, firstLine: number, anchors: Anchors): YamlText {
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const converter = new YamlTree(anchors, lines, firstLine);
  const broken = (offset: number, message: string): YamlText => {
    return { tree: undefined, faults: [{ place: converter.place(offset), message }], anchors };
  };
  const deep = tooDeep(tokens);
  if (deep !== undefined) return broken(deep, `lists and mappings are nested more than ${MAX_DEPTH} deep`);

  // Keys that are given twice are found while converting; the parser would compare each with each.
  const composer = new Composer({ version: '1.2', merge: false, uniqueKeys: false, logLevel: 'silent' });
  const [document, second] = composer.compose(tokens, true, text.length);
  if (document === undefined) return broken(0, 'is no YAML');
  const error = document.errors[0] ?? document.warnings.find((warning) => warning.code === 'TAG_RESOLVE_FAILED');
  if (error !== undefined) {
    const offset = offsetOf(error, document);
    return broken(offset, tabbed(text, offset) ? hints.TAB_AS_INDENT : explain(error));
  }
  if (second !== undefined) return broken(second.range[0], 'several YAML documents: a jobs file is one');
  if (document.contents === null) return { tree: undefined, faults: [], anchors };
  const tree = converter.convert(document.contents, converter.place(0));
  return { tree, faults: converter.faults, anchors: converter.anchors };
}

/**
 * Where the nesting passes what is allowed. Looked for before the text is composed, which recurses:
 * near the end of the stack, V8 may abort the whole process instead of throwing.
 */
function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  const stack: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { token, depth } = top;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === 'document' && token.value) stack.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const item of token.items) {
      if (item.key) stack.push({ token: item.key, depth: depth + 1 });
      if (item.value) stack.push({ token: item.value, depth: depth + 1 });
    }
  }
  return undefined;
}

/** A quote that is not closed is noticed far below; what the user looks for is where it was opened. */
function offsetOf(error: YAMLParseError | { pos: [number, number]; code: string }, document: Document): number {
  const [offset] = error.pos;
  if (error.code !== 'MISSING_CHAR') return offset;
  let opened = offset;
  visit(document, {
    Scalar(_, node) {
      const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
      if (quoted && node.range && node.range[0] <= offset && node.range[1] >= offset) opened = node.range[0];
    },
  });
  return opened;
}

/** Whether a line is indented by tabs, which is then what is wrong with it, whatever the parser makes of it. */
function tabbed(text: string, offset: number): boolean {
  return /^ *\t/.test(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset + 1));
}

const hints = {
  BLOCK_AS_IMPLICIT_KEY: 'a text with ": " in it must stand in quotes; a field must be indented as those above it',
  MULTILINE_IMPLICIT_KEY: 'a field needs ": " after its name, on the same line',
  BAD_SCALAR_START: 'a text that begins with this character must stand in quotes',
  TAB_AS_INDENT: 'tabs cannot indent in YAML: use spaces',
  MULTIPLE_DOCS: 'several YAML documents: a jobs file is one',
} satisfies Record<string, string>;

function explain(error: { code: string; message: string }): string {
  if (error.message.startsWith('Missing closing')) return 'a quote is opened here and not closed';
  if (error.message.startsWith('Unexpected scalar at node end')) {
    return 'text after the end of the value: put the whole value in quotes';
  }
  return (hints as Record<string, string>)[error.code] ?? `broken YAML: ${error.message}`;
}
