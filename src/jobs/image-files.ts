import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { MAX_IMAGE_BYTES } from './size-limits.ts';
import type { Fields } from './tree.ts';

/** The formats that the API accepts, by their first bytes. */
const kinds: readonly { extension: string; contentType: string; begins: (head: string) => boolean }[] = [
  { extension: 'jpg', contentType: 'image/jpeg', begins: (head) => head.startsWith('\xff\xd8\xff') },
  { extension: 'png', contentType: 'image/png', begins: (head) => head.startsWith('\x89PNG\r\n\x1a\n') },
  { extension: 'webp', contentType: 'image/webp', begins: (head) => /^RIFF[^]{4}WEBP/.test(head) },
];
/** Number of bytes that identify the format. */
const HEAD = 12;

/** An image on this machine, identified by its content. */
export interface LocalImage {
  /** Its name in the storage, `SHA256.jpg`, which depends on the content only. */
  name: string;
  path: string;
  sha256: string;
  extension: string;
  contentType: string;
}

/**
 * The local images of the jobs in a file. Each is read once, as a stream, and takes about 400 bytes of memory for its
 * hash or its error.
 */
export class ImageFiles {
  readonly #folder: string;
  readonly #outside: boolean;
  readonly #found = new Map<string, LocalImage | string>();

  /**
   * @param folder base of relative paths
   * @param outside whether images may be outside that folder. Default false, because an untrusted jobs file could
   * otherwise upload any image of this machine
   */
  constructor(folder: string, outside = false) {
    this.#folder = folder;
    this.#outside = outside;
  }

  /** Number of distinct paths. */
  get count(): number {
    return this.#found.size;
  }

  /** Reads the images of a job or of the defaults. */
  async read(fields: unknown): Promise<void> {
    const paths: unknown =
      typeof fields === 'object' && fields !== null ? (fields as Fields)['image_files'] : undefined;
    if (!Array.isArray(paths)) return;
    for (const path of paths) {
      if (typeof path !== 'string' || this.#found.has(path)) continue;
      this.#found.set(path, await this.#inspect(path));
    }
  }

  /** Inspects an image, whose path must be in the folder after links are resolved. */
  async #inspect(path: string): Promise<LocalImage | string> {
    try {
      const real = await realpath(resolve(this.#folder, path));
      const within = relative(await realpath(this.#folder), real);
      if (!this.#outside && (within === '..' || within.startsWith(`..${sep}`))) {
        return 'is outside the folder of the jobs: move it there, or allow it with --allow-images-outside';
      }
      return await inspectImage(real);
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** Returns an image that was read, or its error. */
  get(path: string): LocalImage | string {
    return this.#found.get(path) ?? 'was not read';
  }
}

/** Opens a file without blocking on a FIFO. The caller checks that it is a regular file. */
export function openImage(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a folder',
  ENOTDIR: 'there is no such file',
};

async function inspectImage(path: string): Promise<LocalImage | string> {
  const file = await openImage(path);
  try {
    const found = await file.stat();
    if (found.isDirectory()) return 'is a folder';
    if (!found.isFile()) return 'is not a regular file';
    if (found.size > MAX_IMAGE_BYTES) return tooLarge(found.size);
    const hash = createHash('sha256');
    let head = '';
    for await (const chunk of file.createReadStream({ autoClose: false })) {
      const bytes = chunk as Buffer;
      if (head.length < HEAD) head += bytes.subarray(0, HEAD - head.length).toString('latin1');
      hash.update(bytes);
    }
    const kind = kinds.find(({ begins }) => begins(head));
    if (kind === undefined) return head === '' ? 'is empty' : 'is not a JPG, PNG or WebP image';
    const sha256 = hash.digest('hex');
    const { extension, contentType } = kind;
    return { name: `${sha256}.${extension}`, path, sha256, extension, contentType };
  } finally {
    await file.close();
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? `cannot be read: ${code || 'unknown error'}`;
}

/** Formats the error of an image above 10 MB. */
export function tooLarge(bytes: number): string {
  return `has ${(bytes / 1024 / 1024).toFixed(1)} MB; at most 10 MB are allowed`;
}
