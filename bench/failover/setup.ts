import {
  flags,
  freePorts,
  CLIPMILL_PERMISSIONS,
  listening,
  nodeFolder,
  PASSWORD,
  Server,
  type Certificates,
} from './server.ts';

/** An installation of Redis, and the faults that can be injected into it. */
export interface Setup {
  /** Returns REDIS_URL and CLIPMILL_REDIS_CA of a worker. @param side `master`: a split leaves it with the master */
  env(side?: 'master'): Record<string, string>;
  /** Returns the current master. */
  master(): Promise<Server>;
  /** Resolves when a server other than `old` is the master. */
  replaced(old: Server): Promise<void>;
  /** Fails over on request, as an operator does. */
  planned(): Promise<void>;
  /** Restarts a killed server. */
  revive(server: Server): Promise<void>;
  /** Splits the network: the master and its clients on one side, all other processes on the other. */
  split?(): Promise<void>;
  /** Ends the split. */
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

/** Starts one server, which flushes its append-only file with every command. */
export async function startSingle({ folder, tls, valkey }: SetupOptions): Promise<Setup> {
  const [port = 0] = await freePorts(1);
  const settings = { ...listening(port, tls), save: '', logfile: 'log', appendonly: 'yes', appendfsync: 'always' };
  const user = ['--user', ...`clipmill on >${PASSWORD} ${CLIPMILL_PERMISSIONS}`.split(' ')];
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
