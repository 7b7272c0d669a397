import type { FileHandle } from 'node:fs/promises';
import type { RunSync } from './sync-monitor.ts';

/** Bytes of one call to the system; the next are gathered meanwhile. */
const BLOCK = 256 * 1024;
/**
 * Bytes after which the disk begins to write. The system would keep gigabytes in memory until they have to be
 * durable, and the network would wait for the disk then.
 */
const STRETCH = 32 * 1024 * 1024;

/**
 * Writes a stream to a new file and makes it durable. A failure leaves the bytes that were written. The caller closes
 * the file.
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
  let stretch = 0;
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
    if (size < BLOCK) continue;
    stretch += size;
    await write();
    if (stretch < STRETCH) continue;
    await syncing.begin(() => runSync(() => file.datasync()));
    stretch = 0;
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
 * A call may write less than it is given, such as when a quota is near.
 * @param size total bytes of all pieces
 */
export async function writeAll(file: OpenFile, pieces: readonly Uint8Array[], size: number): Promise<void> {
  let { bytesWritten } = await file.writev(pieces);
  if (bytesWritten === size) return;
  const all = Buffer.concat(pieces);
  while (bytesWritten < size) bytesWritten += (await file.write(all, bytesWritten)).bytesWritten;
}

/** Runs work in the background, one piece at a time. */
class OneAtATime {
  /** Settles as the latest work does. */
  ended: Promise<void> = Promise.resolve();

  /** @throws the error of the work before this one */
  async begin(work: () => Promise<void>): Promise<void> {
    await this.ended;
    this.ended = work();
    // The next wait rejects with it.
    this.ended.catch(() => {});
  }
}
