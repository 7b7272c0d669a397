import {
  flags,
  freePorts,
  LEAST_RIGHTS,
  listening,
  nodeFolder,
  PASSWORD,
  Server,
  type Certificates,
} from './server.ts';

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

/** One server with an append-only file that is flushed with every command. */
export async function startSingle({ folder, tls, valkey }: SetupOptions): Promise<Setup> {
  const [port = 0] = await freePorts(1);
  const settings = { ...listening(port, tls), save: '', logfile: 'log', appendonly: 'yes', appendfsync: 'always' };
  const user = ['--user', ...`clipmill on >${PASSWORD} ${LEAST_RIGHTS}`.split(' ')];
  const args = [...flags(settings), ...user];
  const server = new Server(nodeFolder(folder, port), port, args, { valkey, ...(tls && { tls }) });
  await server.start();
  return {
    env: () => ({
      REDIS_URL: `${tls ? 'rediss' : 'redis'}://clipmill:${PASSWORD}@127.0.0.1:${port}`,
      ...(tls && { CLIPMILL_REDIS_CA: tls.ca }),
    }),
    master: () => Promise.resolve(server),
    replaced: () => Promise.resolve(),
    planned: () => Promise.resolve(),
    revive: (one) => one.start(),
    stop: () => server.stop(),
  };
}
