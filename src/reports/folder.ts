import { z } from 'zod';
import { readText, type Storage } from '../storage/storage.ts';

/** Names of the files beside the clips of a batch. A clip cannot have them: no name of a clip begins with ".". */
export function folderNames(batch: string) {
  return { marker: `${batch}/.clipmill.json`, manifest: `${batch}/manifest.jsonl`, gallery: `${batch}/index.html` };
}

const folderMarker = z.object({
  /** Form of the marker and of the manifest beside it. */
  clipmill: z.literal(1),
  /** The installation whose ledger keeps the folder up to date. */
  installation: z.string(),
  batch: z.string(),
  /** The jobs file, as an absolute path on its machine; `null` for jobs of a library or a queue. */
  source: z.string().nullable(),
  /** Where its clips were made: an origin, or `loopback` for simulated ones. */
  api: z.string(),
});

/** The marker of a batch's folder: whose it is. */
export type FolderMarker = z.output<typeof folderMarker>;

const MAX_MARKER_BYTES = 65_536;

/** @returns `undefined` when there is none, `'unknown'` when it is not readable as one. @throws StorageError */
export async function readMarker(
  storage: Pick<Storage, 'read' | 'locate'>,
  batch: string,
  signal?: AbortSignal,
): Promise<FolderMarker | 'unknown' | undefined> {
  const text = await readText(storage, folderNames(batch).marker, MAX_MARKER_BYTES, signal);
  if (text === undefined) return undefined;
  try {
    return folderMarker.parse(JSON.parse(text));
  } catch {
    return 'unknown';
  }
}

/** Writes the marker in place of another one. @throws StorageError */
export async function takeOverFolder(storage: Pick<Storage, 'putPage'>, marker: FolderMarker): Promise<void> {
  await storage.putPage(folderNames(marker.batch).marker, once(textOf(marker)), 'application/json');
}

/**
 * Makes sure that a folder is this installation's before something in it is replaced.
 * @param knownFolder whether everything in it is in the ledger of this installation
 * @returns false when it belongs to another one
 * @throws StorageError
 */
export async function claimFolder(
  storage: Pick<Storage, 'read' | 'locate' | 'create' | 'stat'>,
  marker: FolderMarker,
  knownFolder: boolean,
  signal?: AbortSignal,
): Promise<boolean> {
  const { batch, installation } = marker;
  if (!knownFolder && (await storage.stat(folderNames(batch).manifest, signal))) return false;
  for (let tries = 0; tries < 3; tries += 1) {
    const found = await readMarker(storage, batch, signal);
    if (found) return found !== 'unknown' && found.installation === installation && found.batch === batch;
    // Another installation may create it in the same moment: the next round reads whose it is.
    if (await storage.create(folderNames(batch).marker, textOf(marker), 'application/json', signal)) return true;
  }
  // Something is there that cannot be read.
  return false;
}

function textOf(marker: FolderMarker): string {
  return `${JSON.stringify(marker, null, 2)}\n`;
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}
