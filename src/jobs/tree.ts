/** Where something stands in a file. Both count from 1; a column is a UTF-16 unit, as editors count. */
export interface Place {
  line: number;
  column: number;
}

export const START: Place = { line: 1, column: 1 };

export type Scalar = string | number | boolean | null;

/** A value with the place of each of its parts, whichever format it was written in. */
export interface Tree {
  place: Place;
  value: Scalar | Tree[] | Map<string, Member>;
  /** How a number or a boolean is written in the file: `3.10`, `007`. A text field takes it as it is written. */
  written?: string;
}

export interface Member {
  key: Place;
  value: Tree;
}

/** The way to a part of a value: names of fields and, from 0, positions in lists. */
export type Path = readonly (string | number)[];

/** Fields by name. Made without a prototype, so that a field `__proto__` is a field like any other. */
export type Fields = Record<string, unknown>;

/** A diagnostic of a reader: how something is written is wrong. */
export interface SyntaxDiagnostic {
  place: Place;
  field?: string;
  message: string;
}

/** A diagnostic of what a job or a header asks for. `at: 'key'`: the name of the field is wrong, not its value. */
export interface FieldDiagnostic {
  path: Path;
  at?: 'key';
  message: string;
  /** The field that was meant by a name that is unknown: nothing more is reported of it. */
  meant?: string | undefined;
  /** Identifies what is the same in every job of a file, which is reported at the first one only. */
  once?: string;
}

export type Report = (diagnostic: FieldDiagnostic) => void;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value without its places. */
export function plain(tree: Tree): unknown {
  const { value } = tree;
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const fields = Object.create(null) as Fields;
  for (const [name, member] of value) fields[name] = plain(member.value);
  return fields;
}

/** Returns the value with its numbers and booleans as they are written, which is what a text field takes. */
export function asWritten(tree: Tree): unknown {
  const { value, written } = tree;
  if (Array.isArray(value)) return value.map(asWritten);
  if (!(value instanceof Map)) return written ?? value;
  const fields = Object.create(null) as Fields;
  for (const [name, member] of value) fields[name] = asWritten(member.value);
  return fields;
}

/** Returns the place of a part, or of the nearest thing around it when there is no such part. */
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

/** Returns where a place comes to lie when everything from `from` on is moved to `to`. */
export function moved(place: Place, from: Place, to: Place): Place {
  const { line, column } = place;
  if (line < from.line || (line === from.line && column < from.column)) return place;
  return { line: line - from.line + to.line, column: line === from.line ? column - from.column + to.column : column };
}

/** Returns the place behind a text that begins at a place. */
export function advance({ line, column }: Place, text: string): Place {
  const lines = text.split('\n');
  const last = lines.at(-1)?.length ?? 0;
  return lines.length === 1 ? { line, column: column + last } : { line: line + lines.length - 1, column: last + 1 };
}

/** `image_urls[0]`, `defaults.duration` */
export function formatPath(path: Path): string {
  return path.map((step, depth) => (typeof step === 'number' ? `[${step}]` : depth ? `.${step}` : step)).join('');
}
