import { z } from 'zod';
import { readText, type Storage } from '../storage/storage.ts';

/** Returns the names of the files that clipmill stores with the clips of a batch. No clip can have these names. */
export function folderNames(batch: string) {
  return { marker: `${batch}/.clipmill.json`, manifest: `${batch}/manifest.jsonl`, gallery: `${batch}/index.html` };
}

const folderMarker = z.object({
  /** Version of the format of the marker and of its manifest. */
  clipmill: z.literal(1),
  /** The installation that keeps the folder up to date. */
  installation: z.string(),
  batch: z.string(),
  /** The jobs file, as an absolute path on its machine; `null` for jobs from the library or the queue. */
  source: z.string().nullable(),
  /** The API that made its clips: an origin, or `loopback` for simulated clips. */
  api: z.string(),
});

/** The marker of a batch's folder, which names its owner. */
export type FolderMarker = z.output<typeof folderMarker>;

const MAX_MARKER_BYTES = 65_536;

/** Reads a marker. @returns `undefined` if there is none, `'unknown'` if it is invalid. @throws StorageError */
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

/** Replaces the marker. @throws StorageError */
export async function takeOverFolder(storage: Pick<Storage, 'overwrite'>, marker: FolderMarker): Promise<void> {
  await storage.overwrite(folderNames(marker.batch).marker, once(textOf(marker)), 'application/json');
}

/**
 * Claims a folder for this installation, before anything in it is replaced.
 * @param knownFolder whether the ledger of this installation contains every clip in it
 * @returns false if it belongs to another installation
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
    // Another installation may create the marker at the same time: the next iteration reads it.
    if (await storage.create(folderNames(batch).marker, textOf(marker), 'application/json', signal)) return true;
  }
  // The marker exists, but cannot be read.
  return false;
}

function textOf(marker: FolderMarker): string {
  return `${JSON.stringify(marker, null, 2)}\n`;
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}
