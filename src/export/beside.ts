import type { Reading } from '../ledger/reading.ts';
import type { Storage } from '../storage/storage.ts';
import { galleryPage, relativeLink } from './gallery.ts';
import { jsonlLines } from './manifest.ts';

/** The files that stand beside a batch's clips. */
export interface BatchPages {
  gallery: string;
  manifest: string;
}

export function batchPageNames(batch: string): BatchPages {
  return { gallery: `${batch}/index.html`, manifest: `${batch}/manifest.jsonl` };
}

/**
 * Writes both anew, each whole or not at all, with a memory that does not grow with the batch.
 * @returns where they are
 * @throws the signal's reason when it aborts first: what is not written by then stays as it was
 */
export async function storeBatchPages(
  reading: Pick<Reading, 'items'>,
  storage: Pick<Storage, 'putPage'>,
  batch: string,
  signal?: AbortSignal,
): Promise<BatchPages> {
  const names = batchPageNames(batch);
  const put = (name: string, lines: AsyncIterable<string>, type: string) =>
    storage.putPage(name, inChunks(lines, signal), type);
  const page = galleryPage(batch, reading.items(batch), { link: relativeLink(batch), at: new Date() });
  // The gallery comes last: who sees it in its new form finds the manifest that belongs to it.
  const manifest = await put(names.manifest, jsonlLines(reading.items(batch)), 'application/x-ndjson');
  const gallery = await put(names.gallery, page, 'text/html; charset=utf-8');
  return { gallery: gallery.location, manifest: manifest.location };
}

/** Characters in a chunk: a write for every line would cost more than the lines. */
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
