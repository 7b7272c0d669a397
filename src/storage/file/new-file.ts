import type { FileHandle } from 'node:fs/promises';
import type { RunSync } from './sync-monitor.ts';

/** Bytes per write; the next block is collected meanwhile. */
const BLOCK_BYTES = 256 * 1024;
/**
 * Written bytes after which they are synced. Otherwise the system keeps gigabytes in memory until the final sync, and
 * the network waits for the disk then.
 */
const SYNC_BYTES = 32 * 1024 * 1024;

/**
 * Writes a stream to a new file and makes it durable. After a failure the file has the bytes written so far. The
 * caller closes it.
 * @param runSync runs each sync to the disk, and may measure it
 * @returns its size in bytes, all of which the system has accepted
 * @throws errors of the stream and of the file system, also for earlier bytes
 */
export async function writeNewFile(
  file: FileHandle,
  bytes: AsyncIterable<Uint8Array>,
  runSync: RunSync = (sync) => sync(),
): Promise<number> {
  const writing = new OneAtATime();
  const syncing = new OneAtATime();
  let written = 0;
  let unsynced = 0;
  let block: Uint8Array[] = [];
  let size = 0;
  const write = async () => {
    const [pieces, total] = [block, size];
    block = [];
    size = 0;
    await writing.begin(async () => {
      await writeAll(file, pieces, total);
      written += total;
    });
  };
  for await (const piece of bytes) {
    block.push(piece);
    size += piece.length;
    if (size < BLOCK_BYTES) continue;
    unsynced += size;
    await write();
    if (unsynced < SYNC_BYTES) continue;
    await syncing.begin(() => runSync(() => file.datasync()));
    unsynced = 0;
  }
  if (size > 0) await write();
  await writing.ended;
  await syncing.ended;
  await runSync(() => file.sync());
  return written;
}

/** The part of a `FileHandle` that is used. */
interface OpenFile {
  writev(pieces: readonly Uint8Array[]): Promise<{ bytesWritten: number }>;
  write(bytes: Uint8Array, from: number): Promise<{ bytesWritten: number }>;
}

/**
 * Writes all pieces: a single call may write less than it is given, such as near a quota.
 * @param size total bytes of all pieces
 */
export async function writeAll(file: OpenFile, pieces: readonly Uint8Array[], size: number): Promise<void> {
  let { bytesWritten } = await file.writev(pieces);
  if (bytesWritten === size) return;
  const all = Buffer.concat(pieces);
  while (bytesWritten < size) bytesWritten += (await file.write(all, bytesWritten)).bytesWritten;
}

/** Runs background work, one call at a time. */
class OneAtATime {
  /** Settles as the latest work. */
  ended: Promise<void> = Promise.resolve();

  /** Begins work after the previous work has ended. @throws the error of the previous work */
  async begin(work: () => Promise<void>): Promise<void> {
    await this.ended;
    this.ended = work();
    // The next `begin`, or the caller's wait for `ended`, throws the error.
    this.ended.catch(() => {});
  }
}
