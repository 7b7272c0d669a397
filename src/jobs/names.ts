import { createHash } from 'node:crypto';

/**
 * Valid name of a batch or an item. Names are parts of Redis keys, paths and URLs: without a separator or a leading dot,
 * a name cannot leave its folder.
 */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const NAME_RULE = 'must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit';

/** Longest text that is converted as a whole; a name has at most 128 characters. */
const MAX_SLUGGED = 1_000;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/**
 * Converts a text to characters that are valid in a name: accents are removed, other characters become "-". If letters
 * have no ASCII form, a short hash of the text is appended, so that different words stay different. The result is not
 * empty, and may be longer than a name.
 */
export function slug(text: string): string {
  if (text.length > MAX_SLUGGED) return `${slug(text.slice(0, MAX_SLUGGED))}-${hashOf(text)}`;
  const ascii = text.normalize('NFKD').replace(/\p{M}+/gu, '');
  const kept = withoutTrailingDashes(ascii.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, ''));
  const lost = /[^\P{L}A-Za-z]|[^\P{N}0-9]/u.test(ascii);
  if (kept !== '' && !lost) return kept;
  const hash = hashOf(text);
  return kept === '' ? hash : `${kept}-${hash}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 6);
}

/** Avoids a pattern, which would backtrack at each of many dashes. */
function withoutTrailingDashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '-') end--;
  return text.slice(0, end);
}
