import type { Address } from '../config/redis-url.ts';

/** One line of CLUSTER NODES. */
export interface ClusterNode {
  id: string;
  address: Address;
  /** IP address, by which its master lists it in ROLE. */
  ip: string;
  /** `myself`, `master`, `slave`, `fail` (a majority of the masters agrees), `fail?`, `handshake`, `noaddr`. */
  flags: string[];
  /** Of a replica, the id of its master. */
  masterId: string | undefined;
  /** Configuration epoch, which grows with each fail-over: of two nodes that claim a slot, the higher epoch owns it. */
  epoch: number;
  /** Number of slots that it serves. */
  slots: number;
  owns(slot: number): boolean;
}

/**
 * Parses the reply to CLUSTER NODES.
 * @param askedHost host that sent the reply: a node that does not know its own address omits it
 */
export function parseClusterNodes(text: string, askedHost: string): ClusterNode[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [id = '', place = '', flags = '', master = '-', , , epoch = '0', , ...slots] = line.trim().split(' ');
      const [endpoint = '', hostname] = place.split(',');
      const [, ip = '', port = '0'] = /^(.*):(\d+)(?:@\d+)?$/.exec(endpoint) ?? [];
      const ranges = slots.filter((slot) => /^\d/.test(slot)).map((slot) => slot.split('-').map(Number));
      return {
        id,
        ip,
        address: { host: hostname || ip || askedHost, port: Number(port) },
        flags: flags.split(','),
        masterId: master === '-' ? undefined : master,
        epoch: Number(epoch),
        slots: ranges.reduce((sum, [first = 0, last = first]) => sum + 1 + last - first, 0),
        owns: (slot) => ranges.some(([first = -1, last = first]) => slot >= first && slot <= last),
      };
    });
}
