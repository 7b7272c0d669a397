import type { Certificates } from './certificates.ts';
import type { Server } from './server.ts';

/** A Redis that fails over by itself, and what can be done to it. */
export interface Setup {
  /** REDIS_URL and CLIPMILL_REDIS_CA of the workers; `side` is of those that a split cuts off with the master. */
  env(side?: 'master'): Record<string, string>;
  /** The server that is in charge now. */
  master(): Promise<Server>;
  /** Resolves when a server other than `old` is in charge. */
  replaced(old: Server): Promise<void>;
  /** As an operator orders it. */
  planned(): Promise<void>;
  /** Starts a server again that was killed. */
  revive(server: Server): Promise<void>;
  /** Splits the network: the master and its clients on one side, all else on the other. */
  split?(): Promise<void>;
  heal?(): void;
  /** Moves the slot of the prefix to another master, key by key. */
  moveSlot?(): Promise<void>;
  stop(): Promise<void>;
}

export interface SetupOptions {
  folder: string;
  valkey: boolean;
  tls: Certificates | undefined;
}
