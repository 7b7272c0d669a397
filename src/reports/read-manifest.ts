import { z } from 'zod';
import { contentHash } from '../ledger/intake.ts';
import { moreFiles, pastAttempt } from '../ledger/item.ts';
import { itemStates } from '../ledger/schema/states.ts';
import { StorageError, type Storage } from '../storage/storage.ts';
import { folderNames } from './folder-marker.ts';

const time = z
  .string()
  .transform((text) => Date.parse(text))
  .pipe(z.number());

/** A row as written by any version of clipmill; fields that an older version does not write are absent. */
const storedRow = z
  .object({
    id: z.string().regex(/^[A-Za-z0-9][\w.-]{0,127}$/),
    state: z.enum(itemStates),
    input: z.looseObject({}),
    provider: z.string().default('auto'),
    priority: z.number().default(100),
    output: z.string().min(1),
    renamed: z.object({ from: z.string(), reason: z.string() }).optional(),
    taskId: z.string().optional(),
    attempts: z.number().default(0),
    location: z.string().optional(),
    size: z.number().optional(),
    sha256: z.string().optional(),
    more: moreFiles.optional(),
    postedAt: time.optional(),
    endedAt: time.optional(),
    code: z.string().optional(),
    message: z.string().optional(),
    pastAttempts: z.array(pastAttempt).default([]),
  })
  .transform((row) => ({ ...row, hash: contentHash(row.provider, JSON.stringify(row.input)) }));

/** One item of a manifest, with the hash of its content. */
export type StoredRow = z.output<typeof storedRow>;

/** Longest line that is read, in characters; an item has at most a few thousand. */
const LONGEST_LINE = 1_048_576;
/** Rows per page. */
const PAGE = 250;

/**
 * Reads the manifest of a batch from the storage in pages, in constant memory. Skips lines that are not rows. Yields
 * nothing if there is no manifest.
 * @throws StorageError
 */
export async function* readManifest(
  storage: Pick<Storage, 'read' | 'locate'>,
  batch: string,
  signal?: AbortSignal,
): AsyncGenerator<StoredRow[]> {
  const { manifest } = folderNames(batch);
  const body = await storage.read(manifest, signal);
  if (!body) return;
  let page: StoredRow[] = [];
  for await (const line of linesOf(body, storage.locate(manifest))) {
    const row = rowOf(line);
    if (row) page.push(row);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function rowOf(line: string): StoredRow | undefined {
  try {
    return storedRow.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of body) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE)
      throw new StorageError(`${where} is not a manifest: a line in it is longer than 1 MB`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
