/** A JSON string, or an integer too long for a JavaScript number: ids of 18 digits are common. */
const stringsAndLongIntegers = /"(?:[^"\\]|\\.)*"|-?\b\d{16,}\b(?![.eE])/g;

/** Parses JSON, with integers of 16 digits and more as strings, to lose no digit; `undefined` for anything else. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(
      /\d{16}/.test(text)
        ? text.replace(stringsAndLongIntegers, (token) => (token.startsWith('"') ? token : `"${token}"`))
        : text,
    );
  } catch {
    return undefined;
  }
}

/** Parses a string of a JSON object or list, even if encoded up to twice more; returns anything else unchanged. */
export function unwrapJson(value: unknown): unknown {
  let opened = value;
  for (let wraps = 0; wraps < 3; wraps += 1) {
    if (typeof opened !== 'string' || !/^\s*["[{]/.test(opened)) return opened;
    const parsed = parseJson(opened);
    if (parsed === undefined) return opened;
    opened = parsed;
  }
  return opened;
}
