import { Composer, Lexer, LineCounter, Parser, visit, type CST, type Document, type YAMLParseError } from 'yaml';
import { MAX_DEPTH } from '../../limits.ts';
import type { Place, SyntaxDiagnostic, Tree } from '../../tree.ts';
import { quote } from '../../messages.ts';
import type { YamlEffects, YamlScope } from './scope.ts';
import { findOddSpace } from './whitespace.ts';
import { YamlTree } from './tree.ts';

const TOO_DEEP = `lists and mappings are nested more than ${MAX_DEPTH} deep: is a bracket not closed, or what is in it not indented?`;

export interface YamlText {
  /** `undefined` when the text is broken, or holds nothing but comments. */
  tree: Tree | undefined;
  diagnostics: SyntaxDiagnostic[];
  /** What the text leaves to the text below it. */
  effects: YamlEffects;
  /** Comments that begin right at a plain text. */
  comments: readonly { place: Place; text: string }[];
}

/**
 * Parses one piece of a YAML file.
 * @param placeOf the place in the file of a place in the text
 * @param scope of the file: what aliases may stand for, besides the anchors of the text; it is not changed
 */
export function parseYaml(text: string, placeOf: (inText: Place) => Place, scope: YamlScope): YamlText {
  const lines = new LineCounter();
  const converter = new YamlTree(scope, lines, placeOf);
  const { diagnostics, comments } = converter;
  const result = (tree: Tree | undefined): YamlText => {
    const { anchors, aliases, aliased } = converter;
    return { tree, diagnostics, comments, effects: { anchors, aliases, aliased, characters: text.length } };
  };
  const broken = (offset: number, message: string): YamlText => {
    diagnostics.push(findOddSpace(text, placeOf) ?? { place: converter.place(offset), message });
    return result(undefined);
  };
  const tokens = tokensOf(text, lines);
  if (typeof tokens === 'number') return broken(tokens, TOO_DEEP);

  // Keys that are given twice are found while converting; the parser would compare each with each.
  const composer = new Composer({ version: '1.2', merge: false, uniqueKeys: false, logLevel: 'silent' });
  const [document, second] = composer.compose(tokens, true, text.length);
  if (document === undefined) return broken(0, 'is no YAML');
  const error = document.errors[0] ?? document.warnings.find((warning) => warning.code === 'TAG_RESOLVE_FAILED');
  if (error !== undefined) {
    const offset = offsetOf(error, document);
    return broken(offset, tabbed(text, offset) ? hints.TAB_AS_INDENT : explain(error));
  }
  if (second !== undefined) return broken(second.range[0], hints.MULTIPLE_DOCS);
  if (document.contents === null) return result(undefined);
  return result(converter.convert(document.contents, converter.place(0)));
}

/**
 * The tokens of a text, or the offset where their nesting passes what is allowed. Looked for token by
 * token, because what comes of them is made by recursion, and mistakes in brackets may make it deep:
 * near the end of the stack, V8 may abort the whole process instead of throwing.
 */
function tokensOf(text: string, lines: LineCounter): CST.Token[] | number {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // With the lists and mappings, the document and a text may be open.
    if (parser.stack.length > MAX_DEPTH + 2) return parser.offset;
  }
  tokens.push(...parser.end());
  return tokens;
}

/** Returns the offset to report. A quote that is not closed is noticed far below: it is reported where it was opened. */
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
  MULTIPLE_DOCS: 'several YAML documents: a jobs file is one, with each job as `- …` in one list',
} satisfies Record<string, string>;

function explain(error: { code: string; message: string }): string {
  if (error.message.startsWith('Missing closing')) return 'a quote is opened here and not closed';
  if (error.message.startsWith('Unexpected scalar at node end')) {
    return 'text after the end of the value: put the whole value in quotes';
  }
  const tag = /^Unresolved tag: (\S+)/.exec(error.message)?.[1];
  if (tag !== undefined) return `the tag ${quote(tag)} has no meaning here: remove it, or put the text in quotes`;
  return (hints as Record<string, string>)[error.code] ?? `broken YAML: ${error.message}`;
}
