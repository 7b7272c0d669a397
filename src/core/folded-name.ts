const ASCII = /^[\0-\x7f]*$/;

/**
 * Returns the form in which file names are compared. Some file systems ignore case (ß equals ss) and compose accents:
 * names that are equal in this form may be the same file.
 */
export function foldedName(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase();
  const upper = name.normalize('NFD').toLowerCase().toUpperCase().normalize('NFC');
  // Letter by letter, because toLowerCase maps a sigma at the end of a word to another letter.
  return Array.from(upper, (letter) => letter.toLowerCase())
    .join('')
    .normalize('NFC');
}
