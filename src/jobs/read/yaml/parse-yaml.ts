import { Composer, Lexer, LineCounter, Parser, visit, type CST, type Document, type YAMLParseError } from 'yaml';
import { MAX_DEPTH } from '../../size-limits.ts';
import type { Place, SyntaxDiagnostic, Tree } from '../../tree.ts';
import { quote } from '../../messages.ts';
import type { YamlEffects, YamlScope } from './scope.ts';
import { findOddSpace } from './whitespace.ts';
import { YamlTree } from './yaml-tree.ts';

const TOO_DEEP = `lists and mappings are nested more than ${MAX_DEPTH} deep: is a bracket not closed, or its content not indented?`;

export interface YamlText {
  /** `undefined` if the text is invalid, or contains only comments. */
  tree: Tree | undefined;
  diagnostics: SyntaxDiagnostic[];
  /** Effects on the text below it. */
  effects: YamlEffects;
  /** Comments directly after a plain text. */
  comments: readonly { place: Place; text: string }[];
}

/**
 * Parses one piece of a YAML file.
 * @param placeOf maps a position in the text to one in the file
 * @param scope anchors above the text; not changed
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

  // Duplicate keys are detected in the conversion; the parser would compare every pair.
  const composer = new Composer({ version: '1.2', merge: false, uniqueKeys: false, logLevel: 'silent' });
  const [document, second] = composer.compose(tokens, true, text.length);
  if (document === undefined) return broken(0, 'is not YAML');
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
 * Returns the tokens of a text, or the offset at which their nesting exceeds the limit. The nesting is checked before
 * composing, which recurses: near the end of the stack, V8 may abort the process instead of throwing, and wrong brackets
 * may nest deeply.
 */
function tokensOf(text: string, lines: LineCounter): CST.Token[] | number {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // Besides lists and mappings, the document and a scalar may be open.
    if (parser.stack.length > MAX_DEPTH + 2) return parser.offset;
  }
  tokens.push(...parser.end());
  return tokens;
}

/** Returns the offset to report. An unclosed quote is detected far below, but reported where it was opened. */
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

/** Returns whether a line is indented by tabs, which is then the error, even if the parser reports another one. */
function tabbed(text: string, offset: number): boolean {
  return /^ *\t/.test(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset + 1));
}

const hints = {
  BLOCK_AS_IMPLICIT_KEY: 'text with ": " in it must be in quotes; a field must be indented like those above it',
  MULTILINE_IMPLICIT_KEY: 'a field needs ": " after its name, on the same line',
  BAD_SCALAR_START: 'text that begins with this character must be in quotes',
  TAB_AS_INDENT: 'tabs cannot indent in YAML: use spaces',
  MULTIPLE_DOCS: 'several YAML documents: a jobs file must be one document, with each job as `- …` in one list',
} satisfies Record<string, string>;

function explain(error: { code: string; message: string }): string {
  if (error.message.startsWith('Missing closing')) return 'this quote is not closed';
  if (error.message.startsWith('Unexpected scalar at node end')) {
    return 'text after the end of the value: put the whole value in quotes';
  }
  const tag = /^Unresolved tag: (\S+)/.exec(error.message)?.[1];
  if (tag !== undefined) return `the tag ${quote(tag)} is not supported: remove it, or put the text in quotes`;
  return (hints as Record<string, string>)[error.code] ?? `invalid YAML: ${error.message}`;
}
