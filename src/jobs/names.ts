import { createHash } from 'node:crypto';

/**
 * What a batch or an item may be called. Names stand in Redis keys, in paths and in URLs: without a
 * separator and beginning with a letter or a digit, no name can leave the folder it is put in.
 */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const NAME_RULE = 'must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit';

/** Longest text that is turned into a name as a whole: no name is longer than 128 characters. */
const MAX_SLUGGED = 1_000;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The nearest thing to `text` that may stand in a name: accents fall, other characters become "-".
 * Letters that have no ASCII form are replaced by a short hash of the whole, so that two different
 * words do not become one. May be longer than a name; is never empty.
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

/** By hand: a pattern would try again at each of many dashes. */
function withoutTrailingDashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '-') end--;
  return text.slice(0, end);
}
