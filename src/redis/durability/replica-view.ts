/** The server of this connection is not the master, or not any more; a new connection reaches the master. */
export class NotMasterError extends Error {
  override readonly name = 'NotMasterError';
}

/** Counts the replicas that must have a record, because any of them may be the next master. */
export interface ReplicaView {
  /** Records the replicas that the master lists as attached. @returns how many must have a record */
  attached(addresses: readonly string[]): number;
  /** Returns how many must have a record. @param runId of the connected server. @throws Error while that is unknown */
  expected(runId: string | undefined): Promise<number>;
  /** Reads the replicas again, after one did not acknowledge. @returns whether their number has changed */
  refresh(runId: string | undefined): Promise<boolean>;
  /** Drops what is known: the next connection may be to another server. */
  forget(): void;
  /** Closes its own connections. */
  close(): void;
}
