import type { Storage } from '../../src/storage/storage.ts';

/** Bytes of what a storage has under a name; `undefined` for nothing. */
export async function sizeOf(storage: Pick<Storage, 'stat'>, name: string): Promise<number | undefined> {
  return (await storage.stat(name))?.size;
}
