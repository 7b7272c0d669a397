import type { Address } from '../config/redis-url.ts';

/** One line of CLUSTER NODES. */
export interface ClusterNode {
  id: string;
  address: Address;
  /** As its master lists it in ROLE. */
  ip: string;
  /** `myself`, `master`, `slave`, `fail` (agreed upon by a majority), `fail?`, `handshake`, `noaddr`. */
  flags: string[];
  /** Id of its master, of a replica. */
  masterId: string | undefined;
  /** Grows with each fail-over: of two nodes that claim a slot, the one with the higher epoch has it. */
  epoch: number;
  /** How many slots it serves. */
  slots: number;
  owns(slot: number): boolean;
}

/** @param askedHost where the answer came from: a node that does not know its own address leaves it out */
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
