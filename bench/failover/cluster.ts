import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseClusterNodes, type ClusterNode } from '../../src/redis/cluster-nodes.ts';
import {
  flags,
  freePorts,
  CLIPMILL_PERMISSIONS,
  listening,
  nodeFolder,
  PASSWORD,
  Server,
  until,
  type Settings,
} from './server.ts';
import { ProxyNetwork } from './network.ts';
import type { Setup, SetupOptions } from './setup.ts';

const KEY = '{clipmill}:';

/**
 * Starts three masters with a replica each. With `proxied`, every server and its bus are reached through proxies, so
 * that the network can be split; the servers announce the ports of their proxies.
 */
export async function startCluster(options: SetupOptions & { proxied?: boolean }): Promise<Setup> {
  const { folder, tls, valkey } = options;
  const ports = await freePorts(6);
  const busPorts = ports.map((port) => 20_000 + (port % 30_000));
  const proxies = options.proxied ? await ProxyNetwork.open(ports, busPorts) : undefined;
  const announced = ports.map((port, at) => proxies?.portOf(at) ?? port);
  const users = ['clipmill', 'clipmill-a'].flatMap((name) => [
    '--user',
    ...`${name} on >${PASSWORD} ${CLIPMILL_PERMISSIONS}`.split(' '),
  ]);
  const servers = ports.map((port, at) => {
    const settings: Settings = {
      ...listening(port, tls),
      save: '',
      loglevel: 'warning',
      logfile: 'log',
      appendonly: 'no',
      'cluster-enabled': 'yes',
      'cluster-port': String(busPorts[at]),
      'cluster-node-timeout': '2000',
      'repl-diskless-sync-delay': '0',
      ...(proxies && {
        'bind-source-addr': proxies.addressOf(at),
        'cluster-announce-ip': '127.0.0.1',
        'cluster-announce-port': String(proxies.portOf(at)),
        'cluster-announce-bus-port': String(proxies.busPortOf(at)),
        'replica-announce-ip': '127.0.0.1',
        'replica-announce-port': String(proxies.portOf(at)),
      }),
    };
    return new Server(nodeFolder(folder, port), port, [...flags(settings), ...users], { valkey, ...(tls && { tls }) });
  });
  for (const server of servers) await server.start();
  const trust = tls ? ['--tls', '--cacert', tls.ca] : [];
  const addresses = announced.map((port) => `127.0.0.1:${port}`);
  const create = [...trust, '--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
  // Not execFileSync: the proxies that redis-cli connects through run in this process.
  await promisify(execFile)('redis-cli', create);
  const slot = Number(await servers[0]?.admin.cluster('KEYSLOT', KEY));
  const serverOf = (node: ClusterNode | undefined) => servers[announced.indexOf(node?.address.port ?? -1)];

  /** Returns the nodes as all servers that answer describe them, those with the highest epoch first. */
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

  /** Returns the master of the slot of the keys. */
  async function master(): Promise<Server> {
    const found = serverOf(ownerIn(await layout()));
    if (!found) throw new Error('no master serves the slot');
    return found;
  }
  /** Returns a replica of the slot's master that is in sync. */
  async function syncedReplica(): Promise<Server> {
    let found: Server | undefined;
    await until('a replica in sync', async () => {
      const nodes = await layout();
      const owner = ownerIn(nodes);
      found = serverOf(nodes.find(({ masterId, flags: marks }) => masterId === owner?.id && !marks.includes('fail')));
      const info = await found?.admin.info('replication').catch(() => '');
      return info?.includes('master_link_status:up') ?? false;
    });
    if (!found) throw new Error('the owner has no replica');
    return found;
  }
  await syncedReplica();

  return {
    env: (side) => ({
      REDIS_URL: `${tls ? 'rediss' : 'redis'}+cluster://${side ? 'clipmill-a' : 'clipmill'}:${PASSWORD}@${addresses.join(',')}`,
      ...(tls && { CLIPMILL_REDIS_CA: tls.ca }),
    }),
    master,
    replaced: (old) => until('another master', async () => (await master().catch(() => old)) !== old),
    async planned() {
      await (await syncedReplica()).admin.cluster('FAILOVER');
    },
    revive: (server) => server.start(),
    async split() {
      // The master of the slot, and the worker that logs in as `clipmill-a`.
      proxies?.split([servers.indexOf(await master())], 'clipmill-a');
    },
    heal: () => proxies?.heal(),
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
      await proxies?.close();
    },
  };
}
