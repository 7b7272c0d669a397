import { lookup as resolve, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { SourceError } from './error.ts';

/** Ranges that no public server has (IANA's special-purpose registries): this host, private, shared, test, multicast. */
const notPublic4: readonly [net: string, bits: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
/** Likewise; and those that wrap an IPv4 address, except for the translation that IPv6-only networks need. */
const notPublic6: readonly [net: string, bits: number][] = [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

// Two lists: in one, the rule for mapped addresses would hold for every IPv4 address as well.
const blocked4 = new BlockList();
const blocked6 = new BlockList();
for (const [net, bits] of notPublic4) {
  blocked4.addSubnet(net, bits, 'ipv4');
  blocked6.addSubnet(`64:ff9b::${net}`, 96 + bits, 'ipv6');
}
for (const [net, bits] of notPublic6) blocked6.addSubnet(net, bits, 'ipv6');

/** Whether an IP address belongs to the public internet. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  // A zone stands only in addresses of the local link.
  if (family === 0 || address.includes('%')) return false;
  return !(family === 6 ? blocked6.check(address, 'ipv6') : blocked4.check(address, 'ipv4'));
}

export function forbidden(host: string, address: string): SourceError {
  return new SourceError('forbidden', `${host} is at ${address}, which is not on the public internet`);
}

/**
 * Resolves a name for a connection that is about to be made, so that the address that is checked is
 * the one that is used: a name that resolves differently a moment later gains nothing.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
    const [first] = found ?? [];
    if (error || !first) return callback(error ?? new Error(`${hostname} has no address`), '', 0);
    const allowed = found.filter(({ address }) => isPublic(address));
    const [chosen] = allowed;
    if (!chosen) return callback(forbidden(hostname, first.address), '', 0);
    if (options.all) return callback(null, allowed);
    return callback(null, chosen.address, chosen.family);
  });
};
