const ASCII = /^[\0-\x7f]*$/;

/**
 * Returns the form in which names of files are compared: disks fold case (as full case folding does: ß is
 * ss) and compose accents. Names that are equal in it may be one file.
 */
export function foldedName(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase();
  const upper = name.normalize('NFD').toLowerCase().toUpperCase().normalize('NFC');
  // Letter by letter: at the end of a word, a sigma would become another one.
  return Array.from(upper, (letter) => letter.toLowerCase())
    .join('')
    .normalize('NFC');
}
