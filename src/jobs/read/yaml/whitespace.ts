import type { Place, SyntaxDiagnostic } from '../../tree.ts';

/** White space that editors display as a space and YAML treats as text. */
const ODD = '\\u00a0\\u1680\\u2000-\\u200b\\u202f\\u205f\\u3000\\ufeff';
const BEGINS = new RegExp(`^[ \\t]*(?:-[ \\t]+)*-?[${ODD}]`);
const AFTER_COLON = new RegExp(`^[^"'#]*?:[${ODD}]`);

/** Returns whether an unindented line begins with such white space, or with a dash and such white space. */
export function beginsWithOddSpace(content: string): boolean {
  return BEGINS.test(content);
}

/** Returns the error of the first such white space where YAML requires a space, or `undefined`. */
export function findOddSpace(text: string, placeOf: (inText: Place) => Place): SyntaxDiagnostic | undefined {
  for (const [index, line] of text.split('\n').entries()) {
    const match = BEGINS.exec(line) ?? AFTER_COLON.exec(line.slice(0, 200));
    if (match !== null) return oddSpace(placeOf({ line: index + 1, column: match[0].length }), match[0].slice(-1));
  }
  return undefined;
}

/** Returns the error of such a character. */
export function oddSpace(place: Place, character: string): SyntaxDiagnostic {
  const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  const name = code === '00A0' ? 'a no-break space (U+00A0)' : `white space other than a plain space (U+${code})`;
  return { place, message: `contains ${name}, as copied from a web page: YAML requires a plain space` };
}
