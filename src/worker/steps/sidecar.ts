import { manifestRow } from '../../reports/manifest.ts';
import type { Attempt, StoredClip } from '../../ledger/attempts.ts';
import type { Queries } from '../../ledger/queries.ts';
import type { Storage } from '../../storage/storage.ts';

export interface SidecarDeps {
  queries: Pick<Queries, 'item'>;
  storage: Pick<Storage, 'putPage'>;
}

/** Describes a stored clip in a file beside it. */
export type WriteSidecar = (attempt: Attempt, clip: StoredClip) => Promise<void>;

/** `b/fox.mp4` -> `b/fox.json`. A clip that is called `b/fox` would share it. */
export function sidecarName(output: string): string {
  return `${output.replace(/\.mp4$/i, '')}.json`;
}

/**
 * Writes the manifest's row of a clip, without the time of its end, into a file of its own. Called after the
 * clip is stored and before the ledger records that: a process that dies in between leaves the download to run
 * again, sidecar included, and never an item that is done without one. Written again, it is the same.
 */
export function createSidecars({ queries, storage }: SidecarDeps): WriteSidecar {
  return async (attempt, clip) => {
    const item = await queries.item(attempt.batch, attempt.id);
    if (!item) return;
    const row = {
      batch: attempt.batch,
      ...manifestRow({ ...item, ...clip, more: clip.more && [...clip.more], state: 'done' }),
    };
    const text = `${JSON.stringify(row, null, 2)}\n`;
    await storage.putPage(sidecarName(clip.storedAs ?? item.output), once(text), 'application/json');
  };
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}
