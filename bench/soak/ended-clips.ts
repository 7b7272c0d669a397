import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { BatchHandle } from '../../src/index.ts';
import type { TaskRecord } from '../../src/simulator/records.ts';

const prompted = z.object({ prompt: z.string() });

/** Counts of all ended clips. They are kept in memory, because retention purges ended batches from Redis. */
export class EndedClips {
  readonly #tasks = new Map<string, string | undefined>();
  done = 0;
  failed = 0;
  held = 0;
  readonly lost: string[] = [];

  get submitted(): number {
    return this.#tasks.size;
  }

  /** Counts the items of an ended batch, checks its clips, and removes them. */
  async record(batch: BatchHandle): Promise<void> {
    for await (const item of batch.items()) {
      this.#tasks.set(prompted.parse(item.input).prompt, item.task ?? undefined);
      if (item.state === 'done') {
        this.done += 1;
        const path = fileURLToPath(item.location ?? '');
        const bytes = await readFile(path).catch(() => undefined);
        await rm(path, { force: true });
        const whole = bytes?.length === item.size && bytes?.includes(String(item.task));
        if (!whole) this.lost.push(`${batch.name}/${item.id}`);
      } else if (item.state === 'failed') this.failed += 1;
      else if (item.state === 'held') this.held += 1;
      else this.lost.push(`${batch.name}/${item.id}: ${item.state}`);
    }
  }

  /** Returns the prompts of clips that the API charged for more than once. */
  doubled(tasks: readonly TaskRecord[]): string[] {
    const paid = new Map<string, number>();
    for (const task of tasks) if (task.billed) paid.set(task.prompt, (paid.get(task.prompt) ?? 0) + 1);
    return [...paid].filter(([, count]) => count > 1).map(([prompt]) => prompt);
  }
}
