import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Item } from '../src/ledger/item.ts';
import type { TaskRecord } from '../src/simulator/records.ts';

/** The results of a batch, by the ledger, the records of the API and the stored files. */
export interface Audit {
  /** Items of the batch. */
  submitted: number;
  /** Tasks that the API charged for and did not refund. */
  billed: number;
  done: number;
  failed: number;
  held: number;
  /** Tasks of held items: paid for, while the user has to decide about the item. */
  heldWithTask: number;
  /** Tasks paid for beyond the first of an item. */
  doubled: number;
  /** Items that have not ended, clips that are incomplete or of another item, and paid tasks of failed items. */
  lost: number;
  /** Descriptions of the first 20 doubled or lost items. */
  problems: string[];
}

/** The records of the API identify an item by its prompt: each item has a prompt of its own. */
const prompted = z.object({ prompt: z.string() });

/** Compares the items of a batch with the tasks of the API and with the stored files. */
export async function audit(items: AsyncIterable<Item>, tasks: readonly TaskRecord[]): Promise<Audit> {
  const paid = new Map<string, TaskRecord[]>();
  for (const task of tasks) {
    if (task.billed) paid.set(task.prompt, [...(paid.get(task.prompt) ?? []), task]);
  }
  const billed = tasks.filter((task) => task.billed).length;
  const result: Audit = {
    submitted: 0,
    billed,
    done: 0,
    failed: 0,
    held: 0,
    heldWithTask: 0,
    doubled: 0,
    lost: 0,
    problems: [],
  };
  const report = (what: 'doubled' | 'lost', item: Item, why: string) => {
    result[what] += 1;
    if (result.problems.length < 20) result.problems.push(`${what}: ${item.id}: ${why}`);
  };
  for await (const item of items) {
    result.submitted += 1;
    const itsTasks = paid.get(prompted.parse(item.input).prompt) ?? [];
    for (const extra of itsTasks.slice(1)) report('doubled', item, `paid for ${extra.taskId} as well`);
    if (item.state === 'done') {
      result.done += 1;
      const problem = await problemOf(item, itsTasks);
      if (problem) report('lost', item, problem);
    } else if (item.state === 'held') {
      result.held += 1;
      result.heldWithTask += itsTasks.length;
    } else if (item.state === 'failed') {
      result.failed += 1;
      if (itsTasks.length > 0)
        report('lost', item, `failed with ${item.code}, but ${itsTasks[0]?.taskId} was paid for`);
    } else {
      report('lost', item, `is still ${item.state}`);
    }
  }
  return result;
}

/** Returns what is wrong with the clip of a done item. The simulator writes the id of its task into each clip. */
async function problemOf(item: Item, itsTasks: readonly TaskRecord[]): Promise<string | undefined> {
  if (!itsTasks.some((task) => task.taskId === item.task)) return `its task ${item.task} was not paid for`;
  const bytes = await readFile(fileURLToPath(item.location ?? '')).catch(() => undefined);
  if (!bytes) return `no file at ${item.location}`;
  if (bytes.length !== item.size) return `${bytes.length} bytes at ${item.location}, ${item.size} in the ledger`;
  return bytes.includes(String(item.task)) ? undefined : `${item.location} is the clip of another task`;
}
