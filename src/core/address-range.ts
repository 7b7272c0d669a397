import ipaddr from 'ipaddr.js';

/** An address of either family. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A range of addresses in CIDR notation. */
export interface Range {
  cidr: string;
  net: Address;
  bits: number;
}

/** Parses `198.18.0.0/15`, or a single address as a range of one. @throws Error for anything else */
export function parseRange(text: string): Range {
  if (text.includes('/')) {
    const [net, bits] = ipaddr.parseCIDR(text);
    return { cidr: text, net, bits };
  }
  const net = ipaddr.parse(text);
  return { cidr: text, net, bits: net.kind() === 'ipv4' ? 32 : 128 };
}

/** Returns whether an address of the same family lies in a range. */
export function contains({ net, bits }: Range, address: Address): boolean {
  if (net instanceof ipaddr.IPv4) return address instanceof ipaddr.IPv4 && address.match(net, bits);
  return address instanceof ipaddr.IPv6 && address.match(net, bits);
}
