import { createHash } from 'node:crypto';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { InputError } from '../../core/errors.ts';
import type { Source } from './reader.ts';
import { decodeUtf8 } from './utf8.ts';

/** Bytes at a time: small enough that parsing one does not hold up the rest of the process. */
const BLOCK = 64 * 1024;

/**
 * A file that is read several times and must say the same each time: the first reading notes a hash
 * of each block, and later ones check a block before they hand out its text. So what was checked is
 * what is submitted, even when somebody saves the file in between.
 */
export class SourceFile implements Source {
  readonly path: string;
  readonly #hashes: string[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /**
   * The text, piece by piece, without a byte order mark.
   * @throws InputError when the file cannot be read, is not UTF-8, or changed since an earlier reading
   */
  async *text(): AsyncGenerator<string> {
    const file = await this.#open();
    try {
      const decode = decodeUtf8(this.path);
      for (let number = 0; ; number++) {
        const block = await fill(file, this.path);
        this.#check(number, block);
        const last = block.length < BLOCK;
        yield decode(block, last);
        if (last) return;
      }
    } finally {
      await file.close();
    }
  }

  /** @throws InputError when there is no such file, or when it is not one that can be read twice */
  async exists(): Promise<void> {
    const found = await stat(this.path).catch((error: unknown) => {
      throw failure(this.path, error);
    });
    if (found.isFile()) return;
    const message = found.isDirectory() ? 'is a folder' : 'is not a regular file, and jobs are read twice';
    throw new InputError([{ file: this.path, message }]);
  }

  async #open(): Promise<FileHandle> {
    // Before it is opened: opening a pipe would wait for a writer.
    await this.exists();
    return open(this.path, 'r').catch((error: unknown) => {
      throw failure(this.path, error);
    });
  }

  #check(number: number, block: Buffer): void {
    const hash = createHash('sha256').update(block).digest('base64');
    const before = this.#hashes[number];
    if (before === undefined) this.#hashes.push(hash);
    else if (before !== hash) {
      throw new InputError([{ file: this.path, message: 'changed after it was checked' }], {
        cure: 'Run the command again: it goes on with what the file says now.',
      });
    }
  }
}

/** The next block, shorter only at the end of the file. */
async function fill(file: FileHandle, path: string): Promise<Buffer> {
  const block = Buffer.allocUnsafe(BLOCK);
  let length = 0;
  try {
    while (length < BLOCK) {
      const { bytesRead } = await file.read(block, length, BLOCK - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
  } catch (error) {
    throw failure(path, error);
  }
  return block.subarray(0, length);
}

const reasons: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'is a folder',
  ENOTDIR: 'no such file',
  ENAMETOOLONG: 'no such file: the name is too long',
};

function failure(path: string, error: unknown): InputError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return new InputError([{ file: path, message: `cannot be read: ${reasons[code] ?? (code || 'unknown error')}` }]);
}
