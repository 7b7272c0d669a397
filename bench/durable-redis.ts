import { join } from 'node:path';
import { startEmbeddedRedis, type EmbeddedRedis } from '../src/redis/embedded/server.ts';
import { flags, freePorts, Server } from './failover/server.ts';

/** CLIPMILL_DURABILITY of a run, each with the Redis that it is meant for. */
export type BenchDurability = 'memory' | 'disk' | 'replica';

/** A private Redis that flushes every second or before each reply, or a master with one replica on this machine. */
export async function startBenchRedis(folder: string, durability: BenchDurability = 'disk'): Promise<EmbeddedRedis> {
  if (durability !== 'replica') return startEmbeddedRedis(folder, durability === 'disk' ? 'always' : 'everysec');
  const [port = 0, replicaPort = 0] = await freePorts(2);
  const settings = { bind: '127.0.0.1', save: '', appendonly: 'yes', appendfsync: 'everysec' };
  const replicaSettings = { ...settings, port: String(replicaPort), replicaof: `127.0.0.1\n${port}` };
  const servers = [
    new Server(join(folder, 'master'), port, flags({ ...settings, port: String(port) }), { valkey: false }),
    new Server(join(folder, 'replica'), replicaPort, flags(replicaSettings), { valkey: false }),
  ];
  for (const server of servers) await server.start();
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      for (const server of servers) await server.stop();
    },
  };
}
