/** The server of this connection is not in charge (any more): another connection leads to the one that is. */
export class NotMasterError extends Error {
  override readonly name = 'NotMasterError';
}

/** How many replicas must have a record because one of them may be the next master. */
export interface ReplicaView {
  /** Takes what the master lists as attached now. @returns how many must have a record, as far as is known */
  attached(addresses: readonly string[]): number;
  /** @param runId of the server that this connection leads to. @throws Error while that is not known */
  expected(runId: string | undefined): Promise<number>;
  /** Learns anew, as a replica is missing. @returns whether a changed number is worth asking for */
  refresh(runId: string | undefined): Promise<boolean>;
  /** The connection leads elsewhere now. */
  forget(): void;
  /** Ends connections of its own. */
  close(): void;
}
