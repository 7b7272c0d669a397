import { execFileSync } from 'node:child_process';
import { parseClusterNodes, type ClusterNode } from '../../src/redis/cluster-nodes.ts';
import { flags, freePorts, LEAST_RIGHTS, listening, nodeFolder, PASSWORD, Server, type Settings } from './server.ts';
import { until } from './sentinel.ts';
import type { Setup, SetupOptions } from './setup.ts';

const KEY = '{clipmill}:';

/** Three masters with a replica each. */
export async function startCluster({ folder, tls, valkey }: SetupOptions): Promise<Setup> {
  const ports = await freePorts(6);
  const servers = ports.map((port) => {
    const settings: Settings = {
      ...listening(port, tls),
      save: '',
      loglevel: 'warning',
      logfile: 'log',
      appendonly: 'no',
      'cluster-enabled': 'yes',
      'cluster-port': String(20_000 + (port % 30_000)),
      'cluster-node-timeout': '2000',
      'repl-diskless-sync-delay': '0',
    };
    const user = ['--user', ...`clipmill on >${PASSWORD} ${LEAST_RIGHTS}`.split(' ')];
    return new Server(nodeFolder(folder, port), port, [...flags(settings), ...user], { valkey, ...(tls && { tls }) });
  });
  for (const server of servers) await server.start();
  const trust = tls ? ['--tls', '--cacert', tls.ca] : [];
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const create = [...trust, '--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
  execFileSync('redis-cli', create, { stdio: 'ignore' });
  const slot = Number(await servers[0]?.admin.cluster('KEYSLOT', KEY));
  const serverOf = (node: ClusterNode | undefined) => servers.find(({ port }) => port === node?.address.port);

  /** As the node with the highest epoch among those that answer has it. */
  async function layout(): Promise<ClusterNode[]> {
    const answers = await Promise.all(
      servers.map(({ admin }) =>
        admin.cluster('NODES').then(
          (text) => parseClusterNodes(String(text), '127.0.0.1'),
          () => [],
        ),
      ),
    );
    return answers.flat().toSorted((a, b) => b.epoch - a.epoch);
  }
  const ownerIn = (nodes: ClusterNode[]) =>
    nodes.find((node) => node.flags.includes('master') && !node.flags.includes('fail') && node.owns(slot));

  async function master(): Promise<Server> {
    const found = serverOf(ownerIn(await layout()));
    if (!found) throw new Error('no master serves the slot');
    return found;
  }
  /** A replica of the owner that is in sync. */
  async function heir(): Promise<Server> {
    let found: Server | undefined;
    await until('a replica of the owner', async () => {
      const nodes = await layout();
      const owner = ownerIn(nodes);
      found = serverOf(nodes.find(({ masterId, flags: marks }) => masterId === owner?.id && !marks.includes('fail')));
      const info = await found?.admin.info('replication').catch(() => '');
      return info?.includes('master_link_status:up') ?? false;
    });
    if (!found) throw new Error('the owner has no replica');
    return found;
  }
  await heir();

  return {
    env: () => ({
      REDIS_URL: `${tls ? 'rediss' : 'redis'}+cluster://clipmill:${PASSWORD}@${ports.map((port) => `127.0.0.1:${port}`).join(',')}`,
      ...(tls && { CLIPMILL_REDIS_CA: tls.ca }),
    }),
    master,
    replaced: (old) => until('another master', async () => (await master().catch(() => old)) !== old),
    async planned() {
      await (await heir()).admin.cluster('FAILOVER');
    },
    revive: (server) => server.start(),
    async moveSlot() {
      const nodes = await layout();
      const owner = ownerIn(nodes);
      const target = nodes.find(
        (node) => node.flags.includes('master') && !node.flags.includes('fail') && node.id !== owner?.id,
      );
      const [from, to] = [serverOf(owner), serverOf(target)];
      if (!owner || !target || !from || !to) throw new Error('no other master');
      await to.admin.cluster('SETSLOT', slot, 'IMPORTING', owner.id);
      await from.admin.cluster('SETSLOT', slot, 'MIGRATING', target.id);
      for (;;) {
        const keys = await from.admin.cluster('GETKEYSINSLOT', slot, 20);
        if (keys.length === 0) break;
        await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'REPLACE', 'KEYS', ...keys);
      }
      await to.admin.cluster('SETSLOT', slot, 'NODE', target.id);
      await from.admin.cluster('SETSLOT', slot, 'NODE', target.id);
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
