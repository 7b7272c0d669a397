import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseClusterNodes, type ClusterNode } from '../../src/redis/cluster-nodes.ts';
import {
  flags,
  freePorts,
  LEAST_RIGHTS,
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
 * Three masters with a replica each. With `links`, every server and its bus are reached through proxies, so that the
 * network can be split; the servers announce the ports of their proxies.
 */
export async function startCluster(options: SetupOptions & { links?: boolean }): Promise<Setup> {
  const { folder, tls, valkey } = options;
  const ports = await freePorts(6);
  const busPorts = ports.map((port) => 20_000 + (port % 30_000));
  const links = options.links ? await ProxyNetwork.open(ports, busPorts) : undefined;
  const announced = ports.map((port, at) => links?.portOf(at) ?? port);
  const users = ['clipmill', 'clipmill-a'].flatMap((name) => [
    '--user',
    ...`${name} on >${PASSWORD} ${LEAST_RIGHTS}`.split(' '),
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
      ...(links && {
        'bind-source-addr': links.addressOf(at),
        'cluster-announce-ip': '127.0.0.1',
        'cluster-announce-port': String(links.portOf(at)),
        'cluster-announce-bus-port': String(links.busPortOf(at)),
        'replica-announce-ip': '127.0.0.1',
        'replica-announce-port': String(links.portOf(at)),
      }),
    };
    return new Server(nodeFolder(folder, port), port, [...flags(settings), ...users], { valkey, ...(tls && { tls }) });
  });
  for (const server of servers) await server.start();
  const trust = tls ? ['--tls', '--cacert', tls.ca] : [];
  const addresses = announced.map((port) => `127.0.0.1:${port}`);
  const create = [...trust, '--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'];
  // The links that it connects by run in this process.
  await promisify(execFile)('redis-cli', create);
  const slot = Number(await servers[0]?.admin.cluster('KEYSLOT', KEY));
  const serverOf = (node: ClusterNode | undefined) => servers[announced.indexOf(node?.address.port ?? -1)];

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
    env: (side) => ({
      REDIS_URL: `${tls ? 'rediss' : 'redis'}+cluster://${side ? 'clipmill-a' : 'clipmill'}:${PASSWORD}@${addresses.join(',')}`,
      ...(tls && { CLIPMILL_REDIS_CA: tls.ca }),
    }),
    master,
    replaced: (old) => until('another master', async () => (await master().catch(() => old)) !== old),
    async planned() {
      await (await heir()).admin.cluster('FAILOVER');
    },
    revive: (server) => server.start(),
    async split() {
      // The owner of the slot, and the worker that is `clipmill-a`.
      links?.split([servers.indexOf(await master())], 'clipmill-a');
    },
    heal: () => links?.heal(),
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
      await links?.close();
    },
  };
}
