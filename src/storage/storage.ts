import { UserError } from '../core/errors.ts';

/** Bytes as they come. Whoever takes them ends the iteration, also when storing fails. */
export type Bytes = AsyncIterable<Uint8Array | string>;

/** What is known of a clip before its bytes come. */
export interface ClipFacts {
  /** Bytes, where the source says. */
  length: number | undefined;
  batch: string;
  id: string;
  taskId: string;
}

/** Something that is whole in the storage. */
export interface Stored {
  /** As a person or a program can reach it. */
  location: string;
  /** Bytes, as the storage itself counts them. */
  size: number;
}

/** Where clips are kept. A name is seen there only once its bytes are whole and durable. */
export interface Storage {
  /**
   * Stores a stream under `name`, in place of what may be there, and asks the storage how much it has.
   * A stream that fails leaves nothing new under that name.
   * @throws StorageError when the place itself is at fault; else the stream's own error
   */
  put(name: string, body: Bytes, facts: ClipFacts, signal?: AbortSignal): Promise<Stored>;
  /** Stores a page or a manifest, of whatever length, likewise. */
  putPage(name: string, body: Bytes, contentType: string, signal?: AbortSignal): Promise<{ location: string }>;
  /**
   * The clip that an interrupted turn has stored for this very task, with its hash; `undefined` where
   * that cannot be told for certain.
   * @throws StorageError
   */
  recover(name: string, taskId: string, signal?: AbortSignal): Promise<(Stored & { sha256: string }) | undefined>;
  /** Size in bytes of what is stored under a name; `undefined` when nothing is. */
  size(name: string): Promise<number | undefined>;
  /** Where `name` is or would be. */
  locate(name: string): string;
  /**
   * Writes and removes a probe.
   * @throws UserError that says what is wrong and how to mend it
   */
  check(): Promise<void>;
  /** Pictures that the API is to fetch; absent where the storage has no URLs. */
  readonly inputs: InputStore | undefined;
  /** Removes what writers that died have left unfinished. */
  readonly leftovers: Leftovers;
  close(): Promise<void>;
}

/** Files that are handed to the API by URL, each kept once under the hash of its content. */
export interface InputStore {
  /**
   * Stores bytes unless they are there.
   * @param sha256 hex digest of the bytes
   * @param extension of the name, without a dot
   * @throws StorageError
   */
  put(sha256: string, extension: string, contentType: string, bytes: Uint8Array): Promise<void>;
  /**
   * A URL that anybody can GET for a time.
   * @param seconds 1 to 604,800 (a week); temporary credentials may end sooner
   */
  url(sha256: string, extension: string, seconds: number): Promise<string>;
}

export interface Leftovers {
  /** Whether every process sees the same ones, so that one may sweep for all. */
  readonly shared: boolean;
  /**
   * Removes unfinished files and uploads of ours that are older than `olderThanMs`.
   * @returns how many there were
   */
  sweep(olderThanMs: number, signal?: AbortSignal): Promise<number>;
}

/** The place where clips are kept does not take them: full, gone, forbidden or out of reach. */
export class StorageError extends UserError {
  override readonly name = 'StorageError';
}
