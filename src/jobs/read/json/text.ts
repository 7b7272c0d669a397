import { printParseErrorCode, visit, type ParseErrorCode } from 'jsonc-parser';
import { MAX_DEPTH } from '../../limits.ts';
import { START, type Member, type Place, type SyntaxDiagnostic, type Tree } from '../../tree.ts';
import { quote } from '../../messages.ts';

/** The errors of jsonc-parser in plain words. */
const messages: Record<string, string> = {
  InvalidSymbol: 'texts and names must stand in double quotes; --format yaml reads single quotes',
  PropertyNameExpected: 'expected a name in double quotes; --format yaml reads single quotes and a comma at the end',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected ":" after the name',
  CommaExpected: 'expected "," before this',
  CloseBraceExpected: 'expected "," or "}"',
  CloseBracketExpected: 'expected "," or "]"',
  EndOfFileExpected: 'expected nothing more: is a comma missing, or a bracket closed too early?',
  InvalidCommentToken: 'comments have no place in JSON: remove them',
  UnexpectedEndOfString: 'a quote is opened and not closed on its line (a line break in a text is \\n)',
  UnexpectedEndOfNumber: 'a number must not end like this',
  InvalidUnicode: '"\\u" must be followed by four hexadecimal digits',
  InvalidEscapeCharacter: 'a "\\" begins nothing that JSON knows: for the character itself write \\\\',
  InvalidCharacter: 'a control character in a text must be written as \\u00…, a tab as \\t',
};

/** A mistake that ends the parsing of its text: what follows it is guesswork. */
class Broken extends Error {
  override readonly name = 'Broken';
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(`broken JSON${message}`);
    this.place = place;
  }
}

/**
 * Parses one JSON value as RFC 8259 has it, with the place of every part. Names that are given twice
 * are mistakes, where JSON.parse would quietly take the last.
 * @param placeOf the place in the file of a place in the text
 */
export function parseJson(
  text: string,
  placeOf: (inText: Place) => Place,
): { tree: Tree | undefined; diagnostics: SyntaxDiagnostic[] } {
  const diagnostics: SyntaxDiagnostic[] = [];
  /** The lists and mappings that are open, the innermost last. */
  const open: Tree['value'][] = [];
  let key = { name: '', place: START };
  let root: Tree | undefined;

  const place = (line: number, character: number): Place => placeOf({ line: line + 1, column: character + 1 });
  const add = (value: Tree['value'], at: Place, written?: string): void => {
    const tree: Tree = written === undefined ? { place: at, value } : { place: at, value, written };
    const parent = open.at(-1);
    if (Array.isArray(parent)) parent.push(tree);
    else if (parent instanceof Map) addMember(parent, tree);
    else root = tree;
  };
  const addMember = (members: Map<string, Member>, value: Tree): void => {
    const first = members.get(key.name);
    if (first === undefined) members.set(key.name, { key: key.place, value });
    else {
      diagnostics.push({
        place: key.place,
        field: key.name,
        message: `is given twice: first at line ${first.key.line}`,
      });
    }
  };
  const begin = (value: Tree[] | Map<string, Member>, at: Place): void => {
    // Before the parser goes into it: it recurses, and near the end of the stack V8 may abort the process.
    if (open.length === MAX_DEPTH) throw new Broken(`: lists and objects are nested more than ${MAX_DEPTH} deep`, at);
    add(value, at);
    open.push(value);
  };

  try {
    visit(
      text,
      {
        onObjectBegin: (_offset, _length, line, character) => begin(new Map(), place(line, character)),
        onArrayBegin: (_offset, _length, line, character) => begin([], place(line, character)),
        onObjectEnd: () => void open.pop(),
        onArrayEnd: () => void open.pop(),
        onObjectProperty: (name, _offset, _length, line, character) => {
          key = { name, place: place(line, character) };
        },
        onLiteralValue: (value: string | number | boolean | null, offset, length, line, character) => {
          const writes = typeof value === 'number' || typeof value === 'boolean';
          add(value, place(line, character), writes ? text.slice(offset, offset + length) : undefined);
        },
        onError: (code: ParseErrorCode, offset, length, line, character) => {
          const name = printParseErrorCode(code);
          const found = length === 0 ? 'the end' : quote(text.slice(offset, offset + length));
          throw new Broken(` at ${found}: ${messages[name] ?? name}`, place(line, character));
        },
      },
      { disallowComments: true },
    );
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { tree: undefined, diagnostics: [{ place: error.place, message: error.message }] };
  }
  return { tree: root, diagnostics };
}
