/** Everything that moves a cursor, ends a line or reverses the direction of text, and white space. */
// eslint-disable-next-line no-control-regex
const notPrintable = /[\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/gu;

/** No text from outside is searched beyond this, in UTF-16 units: patterns on megabytes block the event loop. */
const MAX_SEARCHED = 8_192;

/**
 * Returns an external text in a form that may be stored: half characters replaced, control characters and line ends
 * as one space, `redact` applied, and cut to `maxLength` UTF-16 units.
 * @param redact removes secrets; it runs before the cut, so that no half of a secret is left
 */
export function cleanText(text: string, maxLength: number, redact: (text: string) => string = (same) => same): string {
  const searched = text.length > MAX_SEARCHED ? text.slice(0, MAX_SEARCHED) : text;
  const clean = redact(wholeCharacters(searched)).replaceAll(notPrintable, ' ').trim();
  return cutText(clean, maxLength);
}

/** Replaces half characters (lone surrogates) by U+FFFD: Redis, UTF-8 and URLs refuse them. */
export function wholeCharacters(text: string): string {
  return text.toWellFormed();
}

/** Cuts a text to `maxLength` UTF-16 units, the last one an ellipsis, and never through a character. */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const cut = text.slice(0, maxLength - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/**
 * Characters that control a terminal or change the order of text: control characters of C0 and C1 (with them
 * all escape sequences: CSI, OSC, DCS), line separators, and those that change the direction of text.
 */
// oxlint-disable-next-line no-control-regex -- these characters are the subject
const commanding = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Returns a text with everything that a terminal would obey written as `\uXXXX`. Line ends and tabs stay. JSON
 * keeps its meaning: there the escapes are JSON's own.
 */
export function harmlessText(text: string): string {
  return text.replaceAll(commanding, escaped);
}

/** The same for one line: line ends are escaped as well. */
export function harmlessLine(text: string): string {
  return harmlessText(text).replaceAll('\n', String.raw`\n`);
}

/**
 * Returns a cell of CSV as a spreadsheet may open it: a text that it would run as a formula begins with an
 * apostrophe, in each of its lines, and control characters are escaped.
 */
export function harmlessCell(text: string): string {
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n');
  return lines
    .map((line) => (/^[\s\p{Cf}]*[=+\-@\uff0b\uff0d\uff1d\uff20]/u.test(line) ? `'${line}` : line))
    .map(harmlessText)
    .join('\n');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
