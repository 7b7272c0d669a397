import { randomBytes } from 'node:crypto';
import { close, openSync, read, unlinkSync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '../core/errors.ts';

const readAt = promisify(read);
const writeAt = promisify(write);
const closeFile = promisify(close);

/** Bytes, or characters of strings, that are buffered before a write. */
const BUFFER = 256 * 1024;
/** Bytes per read of lines. */
const BLOCK = 64 * 1024;

/**
 * A temporary file without a name. It is unlinked once it is open, so that nothing remains however the process ends, and
 * no other process can open it. It is written once, then read any number of times.
 */
export class Spool {
  readonly #file: number;
  #size = 0;
  #buffer: Buffer[] = [];
  /** Text that follows the buffers. Strings are joined first: one conversion to bytes costs less than many. */
  #text = '';
  #buffered = 0;
  #closed = false;

  private constructor(file: number) {
    this.#file = file;
  }

  /** @throws UserError if no file can be created in the temporary folder */
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

  /** @returns a promise that must be awaited if data is written, `undefined` if it is only buffered */
  write(data: string | Buffer): Promise<void> | undefined {
    if (typeof data === 'string') this.#text += data;
    else {
      this.#gatherText();
      this.#buffer.push(data);
    }
    this.#buffered += data.length;
    return this.#buffered >= BUFFER ? this.#flush() : undefined;
  }

  /** Yields all bytes in blocks of `size`; the last one is shorter, and may be empty. */
  async *blocks(size: number): AsyncGenerator<{ block: Buffer; last: boolean }> {
    await this.#flush();
    for (let at = 0; ; at += size) {
      const block = await this.#read(at, Buffer.alloc(Math.max(0, Math.min(size, this.#size - at))));
      const last = block.length < size;
      yield { block, last };
      if (last) return;
    }
  }

  /** Yields the lines without line ends. */
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

  #gatherText(): void {
    if (this.#text !== '') this.#buffer.push(Buffer.from(this.#text));
    this.#text = '';
  }

  async #flush(): Promise<void> {
    if (this.#buffered === 0) return;
    this.#gatherText();
    const [first, ...others] = this.#buffer;
    const bytes = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#buffer);
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
  return new UserError(`cannot write to the temporary folder ${tmpdir()}: ${code}`, {
    cure: 'Free space there, or set TMPDIR to another folder.',
    cause: error,
  });
}
