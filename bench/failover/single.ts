import { flags, freePorts, LEAST_RIGHTS, listening, nodeFolder, PASSWORD, Server } from './server.ts';
import type { Setup, SetupOptions } from './setup.ts';

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
