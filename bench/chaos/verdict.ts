import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Item } from '../../src/ledger/item.ts';
import type { TaskRecord } from '../../src/simulator/records.ts';

/** What came of every item, judged by the ledger, the API's records and the files. */
export interface Verdict {
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
  complaints: string[];
}

/** The API knows an item by its prompt alone: each has its own. */
const prompted = z.object({ prompt: z.string() });

export async function judge(items: AsyncIterable<Item>, tasks: readonly TaskRecord[]): Promise<Verdict> {
  const paid = new Map<string, TaskRecord[]>();
  for (const task of tasks) {
    if (task.billed) paid.set(task.prompt, [...(paid.get(task.prompt) ?? []), task]);
  }
  const billed = tasks.filter((task) => task.billed).length;
  const verdict: Verdict = {
    submitted: 0,
    billed,
    done: 0,
    failed: 0,
    held: 0,
    heldWithTask: 0,
    doubled: 0,
    lost: 0,
    complaints: [],
  };
  const complain = (what: 'doubled' | 'lost', item: Item, why: string) => {
    verdict[what] += 1;
    if (verdict.complaints.length < 20) verdict.complaints.push(`${what}: ${item.id}: ${why}`);
  };
  for await (const item of items) {
    verdict.submitted += 1;
    const itsTasks = paid.get(prompted.parse(item.input).prompt) ?? [];
    for (const extra of itsTasks.slice(1)) complain('doubled', item, `paid for ${extra.taskId} as well`);
    if (item.state === 'done') {
      verdict.done += 1;
      const problem = await problemOf(item, itsTasks);
      if (problem) complain('lost', item, problem);
    } else if (item.state === 'held') {
      verdict.held += 1;
      verdict.heldWithTask += itsTasks.length;
    } else if (item.state === 'failed') {
      verdict.failed += 1;
      if (itsTasks.length > 0) complain('lost', item, `failed with ${item.code}, but ${itsTasks[0]?.taskId} was paid`);
    } else {
      complain('lost', item, `is still ${item.state}`);
    }
  }
  return verdict;
}

/** What is wrong with a clip that is said to be done. The simulator writes its task's id into every clip. */
async function problemOf(item: Item, itsTasks: readonly TaskRecord[]): Promise<string | undefined> {
  if (!itsTasks.some((task) => task.taskId === item.task)) return `its task ${item.task} was never paid`;
  const bytes = await readFile(fileURLToPath(item.location ?? '')).catch(() => undefined);
  if (!bytes) return `nothing at ${item.location}`;
  if (bytes.length !== item.size) return `${bytes.length} bytes at ${item.location}, ${item.size} in the ledger`;
  return bytes.includes(String(item.task)) ? undefined : `${item.location} is the clip of another task`;
}
