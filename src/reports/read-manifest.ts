import { z } from 'zod';
import { contentHash } from '../ledger/intake.ts';
import { moreFiles, pastAttempt } from '../ledger/item.ts';
import { itemStates } from '../ledger/schema/states.ts';
import { StorageError, type Storage } from '../storage/storage.ts';
import { folderNames } from './folder.ts';

const time = z
  .string()
  .transform((text) => Date.parse(text))
  .pipe(z.number());

/** A row as every version of clipmill has written it; fields that an older one did not know are absent. */
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

/** One item as the manifest of its batch has it, with the fingerprint of its content. */
export type StoredRow = z.output<typeof storedRow>;

/** Longest line that is read, in characters: an item has at most a few thousand. */
const LONGEST_LINE = 1_048_576;
/** Rows in one page. */
const PAGE = 250;

/**
 * Reads the manifest beside the clips of a batch, in pages, in memory that does not grow with it. Lines
 * that are no rows are left out.
 * @returns nothing when there is no manifest
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
    if (rest.length > LONGEST_LINE) throw new StorageError(`${where} is no manifest: it has a line without an end`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
