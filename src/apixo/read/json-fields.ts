import { unwrapJson } from './json.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** One object of an answer. */
export interface AnswerRecord {
  fields: Fields;
  /** The normalized names of the fields that lead to it, without indexes of lists. */
  path: readonly string[];
}

const MAX_DEPTH = 6;
const MAX_RECORDS = 200;

/** Fields that echo the request: an id or a URL in them is not part of the answer. */
const echoed = /^(input|inputs|request|params|parameters|args|payloadin|metadata|user|account|callback)$/;

/** Cache of normalized names: the answers of an API have a few dozen. */
const normalized = new Map<string, string>();
const MAX_NORMALIZED = 1_000;

/** Normalizes a name: `taskId`, `task_id` and `TASK-ID` become `taskid`. */
export function normalize(name: string): string {
  const known = normalized.get(name);
  if (known !== undefined) return known;
  const result = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  if (normalized.size < MAX_NORMALIZED && name.length <= 100) normalized.set(name, result);
  return result;
}

/**
 * Yields every object of an answer, also from JSON within strings: the outermost first, and those of `data` before
 * others of the same depth. Omits echoes of the request.
 */
export function* recordsOf(body: unknown): Generator<AnswerRecord> {
  let level: { value: unknown; path: readonly string[] }[] = [{ value: body, path: [] }];
  let found = 0;
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth += 1) {
    const next: typeof level = [];
    for (const { value, path } of level) {
      const opened = unwrapJson(value);
      if (Array.isArray(opened)) {
        next.push(...opened.slice(0, MAX_RECORDS).map((entry: unknown) => ({ value: entry, path })));
      } else if (isFields(opened)) {
        if ((found += 1) > MAX_RECORDS) return;
        yield { fields: opened, path };
        for (const [name, child] of Object.entries(opened)) {
          if (!isContainer(child) || echoed.test(normalize(name))) continue;
          const entry = { value: child, path: [...path, normalize(name)] };
          if (normalize(name) === 'data') next.unshift(entry);
          else next.push(entry);
        }
      }
    }
    level = next;
  }
}

/** Returns the value of the first of these names (normalized) that an object has and that is not null. */
export function fieldOf(fields: Fields, names: readonly string[]): unknown {
  const keys = Object.keys(fields);
  for (const name of names) {
    for (const key of keys) {
      if (normalize(key) !== name) continue;
      const value = fields[key];
      if (value !== null && value !== undefined) return value;
    }
  }
  return undefined;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isContainer(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || (typeof value === 'string' && /^\s*[[{]/.test(value));
}
