import { StorageError, type Storage } from './storage.ts';

/**
 * Reads a small text of the storage.
 * @returns `undefined` when nothing has that name
 * @throws StorageError, also when it has more than `maxBytes`
 */
export async function readText(
  storage: Pick<Storage, 'read' | 'locate'>,
  name: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const body = await storage.read(name, signal);
  if (!body) return undefined;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxBytes) throw new StorageError(`${storage.locate(name)} has more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
