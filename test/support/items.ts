import type { Item } from '../../src/ledger/item.ts';

/** A done item, as the ledger returns it. */
export function item(more: Partial<Item> = {}): Item {
  return {
    batch: 'b',
    id: 'a',
    state: 'done',
    index: 1,
    priority: 100,
    provider: 'auto',
    input: { mode: 'text-to-video', prompt: 'a fox', duration: 5, sound: true, aspect_ratio: '16:9' },
    output: 'b/a clip.mp4',
    attempt: 1,
    at: 1_700_000_000_000,
    task: 'task_1',
    postedAt: 1_700_000_000_000,
    endedAt: 1_700_000_060_000,
    location: 'file:///videos/b/a%20clip.mp4',
    size: 5_242_880,
    sha256: 'ff',
    history: [],
    ...more,
  };
}
