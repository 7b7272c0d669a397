import type { Reading } from '../../ledger/reading.ts';
import type { Storage } from '../../storage/storage.ts';
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

/** Writes both anew, each whole or not at all. @returns where they are */
export async function storeBatchPages(reading: Reading, storage: Storage, batch: string): Promise<BatchPages> {
  const names = batchPageNames(batch);
  const page = galleryPage(batch, reading.items(batch), relativeLink(batch));
  const [manifest, gallery] = [
    await storage.putPage(names.manifest, jsonlLines(reading.items(batch)), 'application/x-ndjson'),
    await storage.putPage(names.gallery, page, 'text/html; charset=utf-8'),
  ];
  return { gallery: gallery.location, manifest: manifest.location };
}
