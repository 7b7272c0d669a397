import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Item } from '../src/ledger/item.ts';
import type { TaskRecord } from '../src/simulator/records.ts';

/** What came of every item, judged by the ledger, the API's records and the files. */
export interface Audit {
  /** Items of the batch. */
  submitted: number;
  /** Tasks that the API charged for and did not refund. */
  billed: number;
  done: number;
  failed: number;
  held: number;
  /** Held items whose submission the API turned into a task: paid, and for the user to decide about. */
  heldWithTask: number;
  /** Tasks paid beyond the first of an item. */
  doubled: number;
  /** Items without an end, clips that are not whole or not this item's, and paid tasks that nobody knows of. */
  lost: number;
  /** The first few things that are wrong, in words. */
  problems: string[];
}

/** The API knows an item by its prompt alone: each has its own. */
const prompted = z.object({ prompt: z.string() });

export async function audit(items: AsyncIterable<Item>, tasks: readonly TaskRecord[]): Promise<Audit> {
  const paid = new Map<string, TaskRecord[]>();
  for (const task of tasks) {
    if (task.billed) paid.set(task.prompt, [...(paid.get(task.prompt) ?? []), task]);
  }
  const billed = tasks.filter((task) => task.billed).length;
  const audited: Audit = {
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
    audited[what] += 1;
    if (audited.problems.length < 20) audited.problems.push(`${what}: ${item.id}: ${why}`);
  };
  for await (const item of items) {
    audited.submitted += 1;
    const itsTasks = paid.get(prompted.parse(item.input).prompt) ?? [];
    for (const extra of itsTasks.slice(1)) report('doubled', item, `paid for ${extra.taskId} as well`);
    if (item.state === 'done') {
      audited.done += 1;
      const problem = await problemOf(item, itsTasks);
      if (problem) report('lost', item, problem);
    } else if (item.state === 'held') {
      audited.held += 1;
      audited.heldWithTask += itsTasks.length;
    } else if (item.state === 'failed') {
      audited.failed += 1;
      if (itsTasks.length > 0) report('lost', item, `failed with ${item.code}, but ${itsTasks[0]?.taskId} was paid`);
    } else {
      report('lost', item, `is still ${item.state}`);
    }
  }
  return audited;
}

/** What is wrong with a clip that is said to be done. The simulator writes its task's id into every clip. */
async function problemOf(item: Item, itsTasks: readonly TaskRecord[]): Promise<string | undefined> {
  if (!itsTasks.some((task) => task.taskId === item.task)) return `its task ${item.task} was never paid`;
  const bytes = await readFile(fileURLToPath(item.location ?? '')).catch(() => undefined);
  if (!bytes) return `nothing at ${item.location}`;
  if (bytes.length !== item.size) return `${bytes.length} bytes at ${item.location}, ${item.size} in the ledger`;
  return bytes.includes(String(item.task)) ? undefined : `${item.location} is the clip of another task`;
}
