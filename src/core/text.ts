/** White space, and characters that move the cursor, end a line or change the direction of text. */
// eslint-disable-next-line no-control-regex
const notPrintable = /[\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/gu;

/** Searched length of an external text, in UTF-16 units: a pattern over megabytes blocks the event loop. */
const MAX_SEARCHED = 8_192;

/**
 * Returns an external text in a form that is safe to store: lone surrogates replaced, runs of white space and control
 * characters replaced by one space, secrets redacted, and cut to `maxLength` UTF-16 units.
 * @param redact runs before the cut, so that no part of a secret remains. Default: no redaction
 */
export function cleanText(text: string, maxLength: number, redact: (text: string) => string = (same) => same): string {
  const searched = text.length > MAX_SEARCHED ? text.slice(0, MAX_SEARCHED) : text;
  const clean = redact(wholeCharacters(searched)).replaceAll(notPrintable, ' ').trim();
  return cutText(clean, maxLength);
}

/** Replaces lone surrogates, which UTF-8 and URLs cannot encode, by U+FFFD. */
export function wholeCharacters(text: string): string {
  return text.toWellFormed();
}

/** Cuts a text to `maxLength` UTF-16 units, ellipsis included, and never splits a character. */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const cut = text.slice(0, maxLength - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/**
 * Characters that control a terminal or change the order of text: C0 and C1 controls, which begin every escape
 * sequence (CSI, OSC, DCS), line separators, and bidirectional controls.
 */
// oxlint-disable-next-line no-control-regex -- these characters are the subject
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Escapes terminal controls as `\uXXXX`, except line feeds and tabs. JSON keeps its meaning, because these escapes
 * are those of JSON.
 */
export function escapeControls(text: string): string {
  return text.replaceAll(controls, escaped);
}

/**
 * Makes a CSV cell safe for spreadsheets: each line that would be run as a formula gets a leading apostrophe, and
 * control characters are escaped.
 */
export function escapeCell(text: string): string {
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n');
  return lines
    .map((line) => (/^[\s\p{Cf}]*[=+\-@\uff0b\uff0d\uff1d\uff20]/u.test(line) ? `'${line}` : line))
    .map(escapeControls)
    .join('\n');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
