import { printParseErrorCode, visit, type ParseErrorCode } from 'jsonc-parser';
import { MAX_DEPTH } from '../../size-limits.ts';
import { START, type Member, type Place, type SyntaxDiagnostic, type Tree } from '../../tree.ts';
import { quote } from '../../messages.ts';

/** Messages for the errors of jsonc-parser. */
const messages: Record<string, string> = {
  InvalidSymbol: 'strings and names must be in double quotes; --format yaml accepts single quotes',
  PropertyNameExpected: 'expected a name in double quotes; --format yaml accepts single quotes and a trailing comma',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected ":" after the name',
  CommaExpected: 'expected "," before this',
  CloseBraceExpected: 'expected "," or "}"',
  CloseBracketExpected: 'expected "," or "]"',
  EndOfFileExpected: 'expected nothing more: is a comma missing, or a bracket closed too early?',
  InvalidCommentToken: 'JSON does not allow comments: remove them',
  UnexpectedEndOfString: 'a string is not closed on its line (write a line break as \\n)',
  UnexpectedEndOfNumber: 'the number is incomplete',
  InvalidUnicode: '"\\u" must be followed by four hexadecimal digits',
  InvalidEscapeCharacter: 'invalid escape sequence: write a backslash as \\\\',
  InvalidCharacter: 'a control character in a string must be written as \\u00…, a tab as \\t',
};

/** A syntax error, after which the rest of the text is not parsed. */
class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(`invalid JSON${message}`);
    this.place = place;
  }
}

/**
 * Parses one JSON value (RFC 8259), with the position of every part. A duplicate name is an error, where JSON.parse would
 * silently use the last one.
 * @param placeOf maps a position in the text to one in the file
 */
export function parseJson(
  text: string,
  placeOf: (inText: Place) => Place,
): { tree: Tree | undefined; diagnostics: SyntaxDiagnostic[] } {
  const diagnostics: SyntaxDiagnostic[] = [];
  /** The open lists and mappings, innermost last. */
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
    // Checked before the parser recurses: near the end of the stack, V8 may abort the process.
    if (open.length === MAX_DEPTH)
      throw new JsonSyntaxError(`: lists and objects are nested more than ${MAX_DEPTH} deep`, at);
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
          throw new JsonSyntaxError(` at ${found}: ${messages[name] ?? name}`, place(line, character));
        },
      },
      { disallowComments: true },
    );
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { tree: undefined, diagnostics: [{ place: error.place, message: error.message }] };
  }
  return { tree: root, diagnostics };
}
