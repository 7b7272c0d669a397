import { manifestRow } from '../../reports/manifest.ts';
import type { Attempt, StoredClip } from '../../ledger/attempts.ts';
import type { Queries } from '../../ledger/queries.ts';
import type { Storage } from '../../storage/storage.ts';

export interface SidecarDeps {
  queries: Pick<Queries, 'item'>;
  storage: Pick<Storage, 'overwrite'>;
}

/** Writes the sidecar of a stored clip. */
export type WriteSidecar = (attempt: Attempt, clip: StoredClip) => Promise<void>;

/** Returns `b/fox.json` for `b/fox.mp4`. A clip named `b/fox` has the same sidecar. */
export function sidecarName(output: string): string {
  return `${output.replace(/\.mp4$/i, '')}.json`;
}

/**
 * Returns a function that writes the manifest row of a clip, without the time of its end, to a file next to the clip.
 * Call it after the clip is stored and before the ledger records that: if the process dies in between, the download
 * runs again and writes the same sidecar, so no item is done without one.
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
    await storage.overwrite(sidecarName(clip.storedAs ?? item.output), once(text), 'application/json');
  };
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}
