import { createHash } from 'node:crypto';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { nearest } from '../../core/did-you-mean.ts';
import { InputError } from '../../core/errors.ts';
import { Spool } from '../spool.ts';
import { decoder } from './decode.ts';
import type { Source } from './reader.ts';

/** Bytes per block, small enough that parsing one does not block the process. */
const BLOCK = 64 * 1024;

export interface SourceOptions {
  /** Name of the encoding. Default: UTF-8, or UTF-16 after a byte order mark. */
  encoding?: string | undefined;
  /** Input for the path `-`. Default: standard input. */
  stdin?: AsyncIterable<Buffer>;
}

/**
 * A file that is read twice with the same content. The first pass records a hash of each block, and the second one
 * verifies a block before yielding its text, so that header and jobs belong together even if the file is saved in
 * between. Standard input and pipes, which can be read only once, are copied to a spool first.
 */
export class SourceFile implements Source {
  readonly path: string;
  /** Name in messages. */
  readonly name: string;
  readonly #options: SourceOptions;
  readonly #hashes: string[] = [];
  #copy: Spool | undefined;

  constructor(path: string, name = path, options: SourceOptions = {}) {
    this.path = path;
    this.name = name;
    this.#options = options;
  }

  /**
   * Yields the text in pieces, without a byte order mark.
   * @throws InputError if the file cannot be read, is not valid in its encoding, or has changed since the first pass
   */
  async *text(): AsyncGenerator<string> {
    const decode = decoder(this.name, this.#options.encoding);
    let number = 0;
    for await (const { block, last } of this.#blocks()) {
      if (this.#copy === undefined) this.#check(number++, block);
      yield decode(block, last);
    }
  }

  /** Checks that the file exists, and copies a pipe. @throws InputError if it does not, or is a folder or a device */
  async prepare(): Promise<void> {
    if (this.path === '-') {
      this.#copy = await copyOf(this.#options.stdin ?? process.stdin);
      return;
    }
    const found = await stat(this.path).catch(async (error: unknown) => {
      throw failure(this.path, error, await similarFile(this.path));
    });
    if (found.isFile()) return;
    if (!found.isFIFO()) {
      throw new InputError([
        { file: this.path, message: found.isDirectory() ? FOLDER : 'is not a regular file: use a file of prompts' },
      ]);
    }
    const pipe = await this.#open();
    try {
      this.#copy = await copyOf(pipe.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>);
    } finally {
      await pipe.close();
    }
  }

  async close(): Promise<void> {
    await this.#copy?.close();
  }

  async *#blocks(): AsyncGenerator<{ block: Buffer; last: boolean }> {
    if (this.#copy !== undefined) {
      yield* this.#copy.blocks(BLOCK);
      return;
    }
    const file = await this.#open();
    try {
      for (;;) {
        const block = await fill(file, this.path);
        const last = block.length < BLOCK;
        yield { block, last };
        if (last) return;
      }
    } finally {
      await file.close();
    }
  }

  #open(): Promise<FileHandle> {
    return open(this.path, 'r').catch((error: unknown) => {
      throw failure(this.path, error);
    });
  }

  #check(number: number, block: Buffer): void {
    const hash = createHash('sha256').update(block).digest('base64');
    const before = this.#hashes[number];
    if (before === undefined) this.#hashes.push(hash);
    else if (before !== hash) {
      throw new InputError([{ file: this.path, message: 'changed while it was read' }], {
        cure: 'Run the command again: it uses the current content of the file.',
      });
    }
  }
}

async function copyOf(stream: AsyncIterable<Buffer>): Promise<Spool> {
  const spool = Spool.create();
  for await (const chunk of stream) await spool.write(chunk);
  return spool;
}

/** Reads the next block, which is shorter only at the end of the file. */
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

const FOLDER = 'is a folder: name the files in it';
const PERMISSION = 'permission denied: make it readable for this user';

const reasons: Record<string, string> = {
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EISDIR: FOLDER,
};
const MISSING = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'];

/** @param similar a file with a similar name */
function failure(path: string, error: unknown, similar?: string): InputError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const cure =
    similar === undefined
      ? `check the path${isAbsolute(path) ? '' : `, which is relative to ${process.cwd()}`}`
      : `did you mean ${similar}?`;
  const reason = MISSING.includes(code) ? `no such file: ${cure}` : (reasons[code] ?? (code || 'unknown error'));
  return new InputError([{ file: path, message: `cannot be read: ${reason}` }]);
}

/** Returns the file in the same folder with the most similar name. */
async function similarFile(path: string): Promise<string | undefined> {
  const entries = await readdir(dirname(path), { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const similar = nearest(basename(path), files);
  return similar === undefined ? undefined : join(dirname(path), similar);
}
