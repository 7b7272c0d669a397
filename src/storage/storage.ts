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

/** Where clips are kept. A name is seen there only once its bytes are whole and durable. */
export interface Storage {
  /**
   * Stores a stream under `name`, in place of what may be there.
   * A stream that fails leaves nothing under that name.
   * @returns where the clip is, as a person or a program can reach it
   * @throws StorageError when the place itself is at fault; else the stream's own error
   */
  put(name: string, body: Bytes, facts: ClipFacts, signal?: AbortSignal): Promise<{ location: string }>;
  /** Stores a page or a manifest, of whatever length, likewise. */
  putPage(name: string, body: Bytes, contentType: string): Promise<{ location: string }>;
  /** Size in bytes of what is stored under a name; `undefined` when nothing is. */
  size(name: string): Promise<number | undefined>;
  /** Where `name` is or would be. */
  locate(name: string): string;
  /**
   * Writes and removes a probe.
   * @throws UserError that says what is wrong and how to mend it
   */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The place where clips are kept does not take them: full, gone, forbidden or out of reach. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}
