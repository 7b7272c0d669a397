import { open } from 'node:fs/promises';

/** Bytes that go to the system in one call; the next are gathered meanwhile. */
const BLOCK = 256 * 1024;
/**
 * Bytes after which the disk is set to work. The system would keep gigabytes in memory until somebody
 * asks for them to be durable, and then the disk would work and the network wait.
 */
const STRETCH = 32 * 1024 * 1024;

/**
 * Writes a stream to a file that does not exist yet, and makes it durable. When it fails, what was
 * written by then stays behind.
 * @returns its size in bytes as the file system has it
 * @throws what the stream or the file system throws, also for bytes that went before
 */
export async function writeNewFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx');
  try {
    const writing = new OneAtATime();
    const syncing = new OneAtATime();
    let stretch = 0;
    for await (const { pieces, size } of inBlocks(bytes)) {
      await writing.begin(() => writeAll(file, pieces, size));
      stretch += size;
      if (stretch < STRETCH) continue;
      await syncing.begin(() => file.datasync());
      stretch = 0;
    }
    await writing.ended;
    await syncing.ended;
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

interface Block {
  pieces: Uint8Array[];
  size: number;
}

async function* inBlocks(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Block> {
  let block: Block = { pieces: [], size: 0 };
  for await (const piece of bytes) {
    block.pieces.push(piece);
    block.size += piece.length;
    if (block.size < BLOCK) continue;
    yield block;
    block = { pieces: [], size: 0 };
  }
  if (block.size > 0) yield block;
}

/** What is used of a `FileHandle`. */
interface OpenFile {
  writev(pieces: readonly Uint8Array[]): Promise<{ bytesWritten: number }>;
  write(bytes: Uint8Array, from: number): Promise<{ bytesWritten: number }>;
}

/**
 * A call may write less than it is given, such as when a quota is near.
 * @param size bytes of all pieces together
 */
export async function writeAll(file: OpenFile, pieces: readonly Uint8Array[], size: number): Promise<void> {
  let { bytesWritten } = await file.writev(pieces);
  if (bytesWritten === size) return;
  const all = Buffer.concat(pieces);
  while (bytesWritten < size) bytesWritten += (await file.write(all, bytesWritten)).bytesWritten;
}

/** Work that goes on in the background, and is waited for before more of it begins. */
class OneAtATime {
  /** Rejects as the latest work did. */
  ended: Promise<void> = Promise.resolve();

  /** @throws what the work before this one threw */
  async begin(work: () => Promise<void>): Promise<void> {
    await this.ended;
    this.ended = work();
    // Whoever waits for it next is told.
    this.ended.catch(() => {});
  }
}
