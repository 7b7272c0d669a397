import { createHash } from 'node:crypto';
import { NameError } from './storage.ts';

/**
 * Bytes of the longest name that are reserved for what clipmill appends: the number of a further file of the same
 * task (`-100`) and the suffix of a sidecar (`.json`).
 */
export const RESERVED_BYTES = 10;

/** Characters that change the direction of text: a name with them is displayed as another one. */
const bidiControls = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Returns what is wrong with a name on any storage: it leaves the root, is hidden, or is displayed as another name. */
function unsafeName(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.includes('\\')) return 'has a "\\" in it';
  if (/[\p{Cc}\p{Cs}]/u.test(name)) return 'has a control character or half a character in it';
  if (bidiControls.test(name)) return 'has a character in it that changes the direction of text';
  for (const segment of name.split('/')) {
    if (segment === '') return 'has an empty part between "/"';
    if (segment.startsWith('.')) return 'has a part that begins with "."';
  }
  return undefined;
}

/** Checks once more what was checked when jobs were read. @throws NameError for a name that no clip may have */
export function requireSafeName(name: string): void {
  const fault = unsafeName(name);
  if (fault !== undefined) throw new NameError('unusable', `${JSON.stringify(name)} ${fault}`);
}

/** Maximum length of a rescue name without its hash, in bytes. */
const MAX_RESCUE_NAME = 120;

/**
 * Returns a name that every storage accepts, for a clip whose own name cannot exist: without a folder, of plain
 * characters, and the same for the same task.
 */
export function rescueName(batch: string, id: string, taskId: string): string {
  const task = createHash('sha256').update(taskId).digest('hex').slice(0, 12);
  const plain = `rescued-${batch}-${id}`.replace(/[^\w.-]+/g, '-').slice(0, MAX_RESCUE_NAME);
  return `${plain}-${task}.mp4`;
}
