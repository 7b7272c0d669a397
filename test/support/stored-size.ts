import type { Storage } from '../../src/storage/storage.ts';

/** Returns the bytes that a storage has under a name; `undefined` if there is no file. */
export async function sizeOf(storage: Pick<Storage, 'stat'>, name: string): Promise<number | undefined> {
  return (await storage.stat(name))?.size;
}
