import { UserError } from '../core/errors.ts';

/** Bytes as they arrive. The consumer ends the iteration, also when storing fails. */
export type Bytes = AsyncIterable<Uint8Array | string>;

/** Facts about a clip that are known before its bytes arrive. */
export interface ClipFacts {
  /** Bytes; `undefined` if the source does not announce them. */
  length: number | undefined;
  batch: string;
  id: string;
  taskId: string;
  /** Whether the clip replaces a file of its name, as the user asked. Default false. */
  replace?: boolean;
}

/** A file in a listing. */
export interface ListedFile {
  /** The name for the methods of `Storage`. */
  name: string;
  /** Bytes. */
  size: number;
}

/** A complete file or object in the storage. */
export interface Stored {
  /** Its `file://` or `s3://` URL. */
  location: string;
  /** Bytes that the storage has confirmed. */
  size: number;
}

/** A place for clips. A name appears in it only once its bytes are complete and durable. */
export interface Storage {
  /**
   * Stores a clip under a free name, and confirms its size with the storage. Accepts a clip that an earlier run stored
   * there for the same task, and replaces anything else only with `facts.replace`. A stream that fails leaves nothing
   * new under the name.
   * @throws NameError if the name is taken or cannot exist here; StorageError if the storage fails; else the error of
   * the stream
   */
  put(name: string, body: Bytes, facts: ClipFacts, signal?: AbortSignal): Promise<Stored>;
  /** Stores a file of any length, such as a report, and replaces its earlier version. @throws as `put` */
  overwrite(name: string, body: Bytes, contentType: string, signal?: AbortSignal): Promise<{ location: string }>;
  /**
   * Stores a small text under a free name.
   * @returns false if the name is taken; nothing is changed then
   * @throws as `put`
   */
  create(name: string, text: string, contentType: string, signal?: AbortSignal): Promise<boolean>;
  /**
   * Returns the clip that an interrupted run stored for this task, with its hash; `undefined` if that is not certain.
   * @throws StorageError
   */
  recover(name: string, taskId: string, signal?: AbortSignal): Promise<(Stored & { sha256: string }) | undefined>;
  /** Returns the size in bytes of the file under a name; `undefined` if there is none. @throws StorageError */
  stat(name: string, signal?: AbortSignal): Promise<{ size: number } | undefined>;
  /** Opens the file under a name; `undefined` if there is none. @throws StorageError, also while it is read */
  read(name: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * Lists the files in a folder and its subfolders, in pages; nothing if there is no such folder.
   * @param folder without a slash at its end
   * @throws StorageError
   */
  list(folder: string, signal?: AbortSignal): AsyncIterable<ListedFile[]>;
  /** Lists the names of the folders at the root. @throws StorageError */
  folders(signal?: AbortSignal): Promise<string[]>;
  /** Returns the location of `name`, whether or not it exists. */
  locate(name: string): string;
  /** Returns the rules of this storage for names. Probes them once, leaves nothing behind and never throws. */
  nameRules(): Promise<NameRules>;
  /**
   * Returns why a clip cannot be stored under `name` now: a file or folder has the name, or a file has the name of one
   * of its folders. `undefined` if the name is free, or if that is unknown.
   * @throws StorageError
   */
  obstacle(name: string, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * Writes and removes a probe.
   * @throws UserError with the reason and its cure
   */
  check(): Promise<void>;
  /** Stores images that the API fetches; absent if the storage has no URLs. */
  readonly inputs: InputStore | undefined;
  /** Removes unfinished files of writers that died. */
  readonly leftovers: Leftovers;
  close(): Promise<void>;
}

/** The rules of a storage for names of clips. */
export interface NameRules {
  /** Returns what is wrong with a name, as the end of a sentence that begins with it; `undefined` if nothing is. */
  fault(name: string): string | undefined;
}

/** Stores files that the API fetches by URL, each once under the hash of its content. */
export interface InputStore {
  /**
   * Stores bytes unless they are stored already.
   * @param sha256 hex digest of the bytes
   * @param extension of the name, without a dot
   * @throws StorageError, also if another object has the name
   */
  put(sha256: string, extension: string, contentType: string, bytes: Uint8Array): Promise<void>;
  /**
   * Returns a URL that is valid without credentials for a time.
   * @param seconds 1 to 604,800 (a week); temporary credentials may expire sooner
   */
  url(sha256: string, extension: string, seconds: number): Promise<string>;
}

export interface Leftovers {
  /** Whether all processes share them, so that one process sweeps for all. */
  readonly shared: boolean;
  /**
   * Removes unfinished files and uploads of clipmill that are older than `olderThanMs`.
   * @returns how many were removed
   */
  sweep(olderThanMs: number, signal?: AbortSignal): Promise<number>;
}

/** The storage itself does not accept clips: it is full, missing, forbidden or unreachable. */
export class StorageError extends UserError {
  override readonly name = 'StorageError';
}

/**
 * A name cannot be used, although the storage works.
 * - `taken`: another file has the name; it is not changed.
 * - `unusable`: no file of that name can exist here.
 */
export class NameError extends Error {
  override readonly name = 'NameError';
  readonly fault: 'taken' | 'unusable';

  constructor(fault: 'taken' | 'unusable', message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.fault = fault;
  }
}

/**
 * Reads a small text from the storage.
 * @returns `undefined` if no file has the name
 * @throws StorageError, also if the file has more than `maxBytes`
 */
export async function readText(
  storage: Pick<Storage, 'read' | 'locate'>,
  name: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const body = await storage.read(name, signal);
  if (!body) return undefined;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxBytes) throw new StorageError(`${storage.locate(name)} has more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
