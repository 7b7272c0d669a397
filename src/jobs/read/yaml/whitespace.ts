import type { Place, SyntaxDiagnostic } from '../../tree.ts';

/** White space that editors show as a space and YAML takes for a letter. */
const ODD = '\\u00a0\\u1680\\u2000-\\u200b\\u202f\\u205f\\u3000\\ufeff';
const BEGINS = new RegExp(`^[ \\t]*(?:-[ \\t]+)*-?[${ODD}]`);
const AFTER_COLON = new RegExp(`^[^"'#]*?:[${ODD}]`);

/** Whether what is left of a line after its indentation begins with odd white space, or a dash and that. */
export function beginsWithOddSpace(content: string): boolean {
  return BEGINS.test(content);
}

/** Returns the first odd white space of a text that stands where YAML needs a space, or `undefined`. */
export function findOddSpace(text: string, placeOf: (inText: Place) => Place): SyntaxDiagnostic | undefined {
  for (const [index, line] of text.split('\n').entries()) {
    const match = BEGINS.exec(line) ?? AFTER_COLON.exec(line.slice(0, 200));
    if (match !== null) return oddSpace(placeOf({ line: index + 1, column: match[0].length }), match[0].slice(-1));
  }
  return undefined;
}

export function oddSpace(place: Place, character: string): SyntaxDiagnostic {
  const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  const name = code === '00A0' ? 'a no-break space (U+00A0)' : `white space that is no plain space (U+${code})`;
  return { place, message: `${name} stands here, as copied from a web page: YAML needs a plain space` };
}
