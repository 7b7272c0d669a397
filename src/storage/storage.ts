import { UserError } from '../core/errors.ts';

/** Bytes as they arrive. The consumer ends the iteration, also when storing fails. */
export type Bytes = AsyncIterable<Uint8Array | string>;

/** Facts about a clip that are known before its bytes arrive. */
export interface ClipFacts {
  /** Bytes; `undefined` where the source does not announce them. */
  length: number | undefined;
  batch: string;
  id: string;
  taskId: string;
  /** Whether the clip replaces a file of its name, as the user asked. Default false. */
  replace?: boolean;
}

/** A file as a listing has it. */
export interface ListedFile {
  /** As the storage's verbs take it. */
  name: string;
  /** Bytes. */
  size: number;
}

/** A file or object that is whole in the storage. */
export interface Stored {
  /** As a person or a program can reach it. */
  location: string;
  /** Bytes that the storage has confirmed. */
  size: number;
}

/** Where clips are kept. A name appears there only once its bytes are whole and durable. */
export interface Storage {
  /**
   * Stores a clip under a name that is free, and verifies the size with the storage. A clip that an earlier
   * run stored there for the same task counts as this one; nothing else is replaced but with `facts.replace`. A
   * stream that fails leaves nothing new under that name.
   * @throws NameError when the name is taken or cannot exist here; StorageError when the storage itself is at
   * fault; else the stream's own error
   */
  put(name: string, body: Bytes, facts: ClipFacts, signal?: AbortSignal): Promise<Stored>;
  /** Stores a report of any length in place of its earlier version. @throws as `put` */
  putPage(name: string, body: Bytes, contentType: string, signal?: AbortSignal): Promise<{ location: string }>;
  /**
   * Stores a small text unless something has that name.
   * @returns false when something has it; it is left as it was
   * @throws as `put`
   */
  create(name: string, text: string, contentType: string, signal?: AbortSignal): Promise<boolean>;
  /**
   * The clip that an interrupted run stored for this very task, with its hash; `undefined` where that is not
   * certain.
   * @throws StorageError
   */
  recover(name: string, taskId: string, signal?: AbortSignal): Promise<(Stored & { sha256: string }) | undefined>;
  /** Size in bytes of the file under a name; `undefined` when there is none. @throws StorageError */
  stat(name: string, signal?: AbortSignal): Promise<{ size: number } | undefined>;
  /** The bytes under a name; `undefined` when there are none. @throws StorageError, also while they are read */
  read(name: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * Lists the files below a folder and its folders, in pages; nothing when there is no such folder.
   * @param folder without a slash at its end
   * @throws StorageError
   */
  list(folder: string, signal?: AbortSignal): AsyncIterable<ListedFile[]>;
  /** Names of the folders at the root. @throws StorageError */
  folders(signal?: AbortSignal): Promise<string[]>;
  /** Location of `name`, whether or not it exists. */
  locate(name: string): string;
  /** The rules of this storage for names, found out once. Leaves nothing behind and never throws. */
  nameRules(): Promise<NameRules>;
  /**
   * The reason why a clip cannot be stored under `name` now: a file or folder of that name, or a file in the
   * place of one of its folders. `undefined` when the name is free, or when that is unknown.
   * @throws StorageError
   */
  obstacle(name: string, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * Writes and removes a probe.
   * @throws UserError with the reason and its cure
   */
  check(): Promise<void>;
  /** Images for the API to fetch; absent where the storage has no URLs. */
  readonly inputs: InputStore | undefined;
  /** Removes unfinished files of writers that died. */
  readonly leftovers: Leftovers;
  close(): Promise<void>;
}

/** The rules of a storage for names of clips. */
export interface NameRules {
  /** What is wrong with a name, as the end of a sentence that begins with it; `undefined` when nothing is. */
  fault(name: string): string | undefined;
}

/** Files that are handed to the API by URL, each kept once under the hash of its content. */
export interface InputStore {
  /**
   * Stores bytes unless they are there already.
   * @param sha256 hex digest of the bytes
   * @param extension of the name, without a dot
   * @throws StorageError, also when another object has the name
   */
  put(sha256: string, extension: string, contentType: string, bytes: Uint8Array): Promise<void>;
  /**
   * A URL that needs no credentials for a time.
   * @param seconds 1 to 604,800 (a week); temporary credentials may end sooner
   */
  url(sha256: string, extension: string, seconds: number): Promise<string>;
}

export interface Leftovers {
  /** Whether every process sees the same ones, so that one may sweep for all. */
  readonly shared: boolean;
  /**
   * Removes unfinished files and uploads of clipmill that are older than `olderThanMs`.
   * @returns how many were removed
   */
  sweep(olderThanMs: number, signal?: AbortSignal): Promise<number>;
}

/** The storage itself does not accept clips: full, gone, forbidden or unreachable. */
export class StorageError extends UserError {
  override readonly name = 'StorageError';
}

/**
 * One name cannot be used, while the storage works.
 * - `taken`: something else has that name, and is left as it is.
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
 * Reads a small text of the storage.
 * @returns `undefined` when nothing has that name
 * @throws StorageError, also when it has more than `maxBytes`
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
