import { createHash } from 'node:crypto';

/** Bytes of a name that every storage can hold. */
const LONGEST = 120;

/**
 * Returns a name that every storage can hold, for a clip whose own name cannot exist: in no folder, of plain
 * characters, and the same for the same task.
 */
export function rescueName(batch: string, id: string, taskId: string): string {
  const task = createHash('sha256').update(taskId).digest('hex').slice(0, 12);
  const plain = `rescued-${batch}-${id}`.replace(/[^\w.-]+/g, '-').slice(0, LONGEST);
  return `${plain}-${task}.mp4`;
}
