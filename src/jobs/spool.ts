import { randomBytes } from 'node:crypto';
import { close, openSync, read, unlinkSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../core/errors.ts';

const readAt = promisify(read);
const writeAt = promisify(write);
const closeFile = promisify(close);

/** Bytes that are gathered before they are written. */
const BUFFER = 256 * 1024;
/** Bytes at a time when lines are read. */
const BLOCK = 64 * 1024;

/**
 * A temporary file without a name: it is removed from its folder the moment it is open, so that nothing of
 * it is left and no other process can open it, however the process ends. Written once, then read any number of times.
 */
export class Spool {
  readonly #file: number;
  #size = 0;
  #buffer: (string | Buffer)[] = [];
  #buffered = 0;
  #closed = false;

  private constructor(file: number) {
    this.#file = file;
  }

  /** @throws UserError when the temporary folder takes no file */
  static create(): Spool {
    const path = join(tmpdir(), `clipmill-${process.pid}-${randomBytes(6).toString('hex')}`);
    try {
      const file = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return new Spool(file);
    } catch (error) {
      throw cannotWrite(error);
    }
  }

  async write(data: string | Buffer): Promise<void> {
    this.#buffer.push(data);
    this.#buffered += data.length;
    if (this.#buffered >= BUFFER) await this.#flush();
  }

  /** All bytes, in blocks of one size but for the last. */
  async *blocks(size: number): AsyncGenerator<{ block: Buffer; last: boolean }> {
    await this.#flush();
    for (let at = 0; ; at += size) {
      const block = await this.#read(at, Buffer.alloc(Math.max(0, Math.min(size, this.#size - at))));
      const last = block.length < size;
      yield { block, last };
      if (last) return;
    }
  }

  /** The lines that were written, without their ends. */
  async *lines(): AsyncGenerator<string> {
    await this.#flush();
    const buffer = Buffer.alloc(BLOCK);
    let rest = Buffer.alloc(0);
    for (let at = 0; at < this.#size; at += BLOCK) {
      const block = await this.#read(at, buffer.subarray(0, Math.min(BLOCK, this.#size - at)));
      const bytes = rest.length === 0 ? block : Buffer.concat([rest, block]);
      let start = 0;
      for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
        yield bytes.toString('utf8', start, end);
        start = end + 1;
      }
      rest = Buffer.from(bytes.subarray(start));
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await closeFile(this.#file);
  }

  async #flush(): Promise<void> {
    if (this.#buffered === 0) return;
    const bytes = Buffer.concat(this.#buffer.map((data) => (typeof data === 'string' ? Buffer.from(data) : data)));
    this.#buffer = [];
    this.#buffered = 0;
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await writeAt(this.#file, bytes, done, bytes.length - done, this.#size);
        done += bytesWritten;
        this.#size += bytesWritten;
      }
    } catch (error) {
      throw cannotWrite(error);
    }
  }

  async #read(at: number, block: Buffer): Promise<Buffer> {
    for (let done = 0; done < block.length;) {
      const { bytesRead } = await readAt(this.#file, block, done, block.length - done, at + done);
      if (bytesRead === 0) return block.subarray(0, done);
      done += bytesRead;
    }
    return block;
  }
}

function cannotWrite(error: unknown): UserError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return new UserError(`the temporary folder ${tmpdir()} takes no file: ${code}`, {
    cure: 'Free space there, or set TMPDIR to a folder with space.',
    cause: error,
  });
}
