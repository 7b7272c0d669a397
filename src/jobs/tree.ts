/** A position in a file. Lines and columns count from 1; columns are UTF-16 units, as in editors. */
export interface Place {
  line: number;
  column: number;
}

export const START: Place = { line: 1, column: 1 };

export type Scalar = string | number | boolean | null;

/** A value of any format, with the positions of its parts. */
export interface Tree {
  place: Place;
  value: Scalar | Tree[] | Map<string, Member>;
  /** A number or a boolean as written, such as `3.10` or `007`, which is the value of a text field. */
  written?: string;
}

export interface Member {
  key: Place;
  value: Tree;
}

/** The path to a part of a value: field names, and positions in lists from 0. */
export type Path = readonly (string | number)[];

/** Fields by name, in an object without a prototype, so that `__proto__` is an ordinary field. */
export type Fields = Record<string, unknown>;

/** A syntax error, as reported by a reader. */
export interface SyntaxDiagnostic {
  place: Place;
  field?: string;
  message: string;
}

/** An error in a field of a job or a header. With `at: 'key'`, the error is in the name of the field. */
export interface FieldDiagnostic {
  path: Path;
  at?: 'key';
  message: string;
  /** The field that an unknown name most likely means; no further errors of that field are reported. */
  meant?: string | undefined;
  /** Key of an error that is the same in every job of a file, and therefore reported once. */
  once?: string;
}

export type Report = (diagnostic: FieldDiagnostic) => void;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value without positions. */
export function plain(tree: Tree): unknown {
  const { value } = tree;
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const fields = Object.create(null) as Fields;
  for (const [name, member] of value) fields[name] = plain(member.value);
  return fields;
}

/** Returns the value with numbers and booleans as written, for a text field. */
export function asWritten(tree: Tree): unknown {
  const { value, written } = tree;
  if (Array.isArray(value)) return value.map(asWritten);
  if (!(value instanceof Map)) return written ?? value;
  const fields = Object.create(null) as Fields;
  for (const [name, member] of value) fields[name] = asWritten(member.value);
  return fields;
}

/** Returns the position of a part, or of the innermost enclosing part that exists. */
export function placeAt(tree: Tree, path: Path, at: 'key' | 'value' = 'value'): Place {
  let current = tree;
  for (const [depth, step] of path.entries()) {
    const { value } = current;
    if (value instanceof Map) {
      const member = value.get(String(step));
      if (member === undefined) break;
      if (at === 'key' && depth === path.length - 1) return member.key;
      current = member.value;
    } else if (Array.isArray(value)) {
      const item = value[Number(step)];
      if (item === undefined) break;
      current = item;
    } else break;
  }
  return current.place;
}

/** Maps a position from `from` on to the same distance from `to`; returns earlier positions unchanged. */
export function moved(place: Place, from: Place, to: Place): Place {
  const { line, column } = place;
  if (line < from.line || (line === from.line && column < from.column)) return place;
  return { line: line - from.line + to.line, column: line === from.line ? column - from.column + to.column : column };
}

/** Returns the position after a text that begins at a position. */
export function advance({ line, column }: Place, text: string): Place {
  const lines = text.split('\n');
  const last = lines.at(-1)?.length ?? 0;
  return lines.length === 1 ? { line, column: column + last } : { line: line + lines.length - 1, column: last + 1 };
}

/** Formats a path as `image_urls[0]` or `defaults.duration`. */
export function formatPath(path: Path): string {
  return path.map((step, depth) => (typeof step === 'number' ? `[${step}]` : depth ? `.${step}` : step)).join('');
}
