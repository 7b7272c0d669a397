import type { Item } from '../ledger/item.ts';
import type { Queries } from '../ledger/queries.ts';
import type { Storage } from '../storage/storage.ts';
import { galleryPage, relativeLink } from './gallery/gallery.ts';
import { jsonlLines } from './manifest.ts';
import { tee, type Reader } from '../core/tee.ts';

/** Names or locations of the reports that are stored with the clips of a batch. */
export interface BatchReports {
  gallery: string;
  manifest: string;
}

/**
 * Rewrites manifest and gallery in one pass over the batch, each atomically, in constant memory.
 * @returns their locations
 * @throws the signal's reason if it aborts first; a report that is not yet written keeps its previous content
 */
export async function storeReports(
  queries: Pick<Queries, 'items'>,
  storage: Pick<Storage, 'overwrite'>,
  batch: string,
  names: BatchReports,
  signal?: AbortSignal,
): Promise<BatchReports> {
  const options = { link: relativeLink(batch), at: new Date() };
  const [forManifest, forGallery] = tee(queries.items(batch));

  async function put(name: string, items: Reader<Item>, lines: AsyncIterable<string>, type: string): Promise<string> {
    try {
      return (await storage.overwrite(name, inChunks(lines, signal), type, signal)).location;
    } finally {
      // Releases the other reader if the storage fails before it has read to the end.
      await items.return();
    }
  }

  const [manifest, gallery] = await Promise.allSettled([
    put(names.manifest, forManifest, jsonlLines(forManifest), 'application/x-ndjson'),
    put(names.gallery, forGallery, galleryPage(batch, forGallery, options), 'text/html; charset=utf-8'),
  ]);
  if (manifest.status === 'rejected') throw manifest.reason;
  if (gallery.status === 'rejected') throw gallery.reason;
  return { gallery: gallery.value, manifest: manifest.value };
}

/** Characters in a chunk: a write per line would cost more than making the lines. */
const CHUNK = 65_536;

async function* inChunks(lines: AsyncIterable<string>, signal?: AbortSignal): AsyncGenerator<string> {
  let chunk = '';
  for await (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK) continue;
    signal?.throwIfAborted();
    yield chunk;
    chunk = '';
  }
  signal?.throwIfAborted();
  yield chunk;
}
