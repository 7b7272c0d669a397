import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProxyNetwork } from './network.ts';
import {
  flags,
  freePorts,
  CLIPMILL_PERMISSIONS,
  listening,
  nodeFolder,
  PASSWORD,
  SENTINEL_PERMISSIONS,
  Server,
  until,
  type Settings,
} from './server.ts';
import type { Setup, SetupOptions } from './setup.ts';

const NAME = 'main';
const QUIET = { save: '', loglevel: 'warning', logfile: 'log' };

/**
 * Starts one master, two replicas and three sentinels. With `proxied`, every server is reached through a proxy, so that
 * the network can be split; the servers announce the ports of their proxies.
 */
export async function startSentinels(options: SetupOptions & { proxied?: boolean }): Promise<Setup> {
  const { folder, tls, valkey } = options;
  const ports = await freePorts(6);
  const proxies = options.proxied ? await ProxyNetwork.open(ports) : undefined;
  const announced = ports.map((port, at) => proxies?.portOf(at) ?? port);
  const dataPorts = ports.slice(0, 3);
  const users = ['clipmill', 'clipmill-a'].map((name) => `${name} on >${PASSWORD} ${CLIPMILL_PERMISSIONS}`);

  const servers = dataPorts.map((port, at) => {
    const settings: Settings = {
      ...listening(port, tls),
      ...QUIET,
      appendonly: 'no',
      'repl-diskless-sync-delay': '0',
      'repl-timeout': '10',
      ...(proxies && {
        'bind-source-addr': proxies.addressOf(at),
        'replica-announce-ip': '127.0.0.1',
        'replica-announce-port': String(announced[at]),
      }),
      ...(at > 0 && { replicaof: `127.0.0.1\n${announced[0]}` }),
    };
    const withUsers = users.flatMap((user) => ['--user', ...user.split(' ')]);
    return new Server(nodeFolder(folder, port), port, [...flags(settings), ...withUsers], {
      valkey,
      ...(tls && { tls }),
    });
  });
  for (const server of servers) await server.start();

  const sentinels: Server[] = [];
  for (const [index, port] of ports.slice(3).entries()) {
    const at = index + 3;
    const lines = [
      ...Object.entries({ ...listening(port, tls), ...QUIET }).map(([name, value]) => `${name} ${value || '""'}`),
      ...(proxies
        ? [
            `bind-source-addr ${proxies.addressOf(at)}`,
            'sentinel announce-ip 127.0.0.1',
            `sentinel announce-port ${announced[at]}`,
          ]
        : []),
      `sentinel monitor ${NAME} 127.0.0.1 ${announced[0]} 2`,
      `sentinel down-after-milliseconds ${NAME} 2000`,
      `sentinel failover-timeout ${NAME} 6000`,
      ...['clipmill', 'clipmill-a'].map((name) => `user ${name} on >${PASSWORD} ${SENTINEL_PERMISSIONS}`),
    ].filter((line) => !line.startsWith('save') && !line.startsWith('tls-cluster'));
    const own = nodeFolder(folder, port);
    await mkdir(own, { recursive: true });
    await writeFile(join(own, 'sentinel.conf'), `${lines.join('\n')}\n`);
    const sentinel = new Server(own, port, ['sentinel.conf', '--sentinel'], { valkey, ...(tls && { tls }) });
    await sentinel.start();
    sentinels.push(sentinel);
  }
  await until('the sentinels to find each other and both replicas', async () => {
    for (const { admin } of sentinels) {
      const flat = (await admin.call('SENTINEL', 'MASTER', NAME)) as string[];
      const valueOf = (field: string) => flat[flat.indexOf(field) + 1];
      if (valueOf('num-slaves') !== '2' || valueOf('num-other-sentinels') !== '2') return false;
    }
    return true;
  });

  async function master(): Promise<Server> {
    for (const { admin } of sentinels) {
      const address = (await admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME).catch(() => undefined)) as
        string[] | undefined;
      const found = servers[announced.indexOf(Number(address?.[1]))];
      if (found) return found;
    }
    throw new Error('no sentinel names a master');
  }

  return {
    env(side) {
      const hosts = announced.slice(3).map((port) => `127.0.0.1:${port}`);
      const user = side ? 'clipmill-a' : 'clipmill';
      const scheme = tls ? 'rediss+sentinel' : 'redis+sentinel';
      const query = `?sentinel_username=${user}&sentinel_password=${encodeURIComponent(PASSWORD)}`;
      return {
        REDIS_URL: `${scheme}://${user}:${PASSWORD}@${hosts.join(',')}/${NAME}${query}`,
        ...(tls && { CLIPMILL_REDIS_CA: tls.ca }),
      };
    },
    master,
    replaced: (old) => until('another master', async () => (await majorityMaster()) !== old),
    async planned() {
      await until('a planned fail-over', async () => {
        const reply = await sentinels[0]?.admin.call('SENTINEL', 'FAILOVER', NAME).catch(() => '');
        return reply === 'OK';
      });
    },
    revive: (server) => server.start(),
    async split() {
      const at = servers.indexOf(await master());
      // The master, one sentinel, and the worker that logs in as `clipmill-a`.
      proxies?.split([at, 3], 'clipmill-a');
    },
    heal: () => proxies?.heal(),
    async stop() {
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()));
      await proxies?.close();
    },
  };

  async function majorityMaster(): Promise<Server | undefined> {
    const named = await Promise.all(
      sentinels.map(async ({ admin }) => {
        const address = (await admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME).catch(() => [])) as string[];
        return Number(address[1]);
      }),
    );
    const port = named.find((one) => named.filter((other) => other === one).length >= 2);
    return servers[announced.indexOf(port ?? -1)];
  }
}
