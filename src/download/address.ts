import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { contains, parseRange, type Address, type Range } from '../core/address-range.ts';
import { SourceError } from './errors.ts';

/**
 * Ranges of the IANA special-purpose address registries (RFC 6890, as of 2025) and multicast, and whether they are
 * globally reachable. The narrowest range that contains an address applies.
 */
const registry: readonly [cidr: string, reachable: boolean][] = [
  ['0.0.0.0/0', true],
  ['0.0.0.0/8', false],
  ['10.0.0.0/8', false],
  ['100.64.0.0/10', false],
  ['127.0.0.0/8', false],
  ['169.254.0.0/16', false],
  ['172.16.0.0/12', false],
  ['192.0.0.0/24', false],
  ['192.0.0.9/32', true],
  ['192.0.0.10/32', true],
  ['192.0.2.0/24', false],
  ['192.88.99.0/24', false],
  ['192.168.0.0/16', false],
  ['198.18.0.0/15', false],
  ['198.51.100.0/24', false],
  ['203.0.113.0/24', false],
  ['224.0.0.0/4', false],
  ['240.0.0.0/4', false],
  // Only 2000::/3 has global unicast addresses.
  ['::/0', false],
  ['2000::/3', true],
  ['2001::/23', false],
  ['2001:1::1/128', true],
  ['2001:1::2/128', true],
  ['2001:1::3/128', true],
  ['2001:3::/32', true],
  ['2001:4:112::/48', true],
  ['2001:20::/28', true],
  ['2001:30::/28', true],
  ['2001:db8::/32', false],
  ['2002::/16', false],
  ['3fff::/20', false],
];

const ranges = registry.map(([cidr, reachable]) => ({ ...parseRange(cidr), reachable }));

/** IPv6 ranges whose last 32 bits are the IPv4 address that they route to: IPv4-mapped addresses, and NAT64. */
const ipv4Embedded = ['::ffff:0:0/96', '64:ff9b::/96'].map(parseRange);

/** Parses an address from a resolver. Returns the IPv4 address for an IPv6 address that embeds one. */
function parseAddress(text: string): Address | undefined {
  // Only link-local addresses have a zone.
  if (text.includes('%') || !ipaddr.isValid(text)) return undefined;
  const address = ipaddr.parse(text);
  if (!ipv4Embedded.some((range) => contains(range, address))) return address;
  return ipaddr.fromByteArray(address.toByteArray().slice(-4));
}

/** Returns the narrowest range that contains an address, and whether it is globally reachable. */
function registeredRange(address: Address): { cidr: string; reachable: boolean } {
  const containing = ranges.filter((range) => contains(range, address));
  const [narrowest] = containing.toSorted((one, other) => other.bits - one.bits);
  return narrowest ?? { cidr: address.toString(), reachable: false };
}

/** Rules for the addresses that clips are fetched from. */
export interface AddressRules {
  /** Allows every address: for an API on this machine. */
  any: boolean;
  /** Ranges that are allowed in addition to the public internet. */
  allowed: readonly Range[];
}

/** Returns whether clips may be fetched from an IP address: it is globally reachable or in an allowed range. */
export function isAllowed(text: string, { any, allowed }: AddressRules): boolean {
  if (any) return true;
  const address = parseAddress(text);
  if (!address) return false;
  return registeredRange(address).reachable || allowed.some((range) => contains(range, address));
}

/** Returns the error for an address that is not allowed. It names the setting that allows the address. */
export function forbiddenAddress(host: string, text: string): SourceError {
  const address = parseAddress(text);
  const range = address ? registeredRange(address).cidr : text;
  return new SourceError(
    'forbidden',
    `${host} is at ${text}, which is not on the public internet; ` +
      `if your VPN or proxy uses such addresses, set CLIPMILL_ALLOW_ADDRESSES=${range}`,
  );
}

/**
 * Returns a lookup for connections that returns allowed addresses only. The address that it checks is the one that
 * the connection uses: a name that resolves to another address a moment later (DNS rebinding) is refused.
 */
export function checkedLookup(rules: AddressRules): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      const [first] = found ?? [];
      if (error || !first) return callback(error ?? new Error(`${hostname} has no address`), '', 0);
      const allowed = found.filter(({ address }) => isAllowed(address, rules));
      const [chosen] = allowed;
      if (!chosen) return callback(forbiddenAddress(hostname, first.address), '', 0);
      if (options.all) return callback(null, allowed);
      return callback(null, chosen.address, chosen.family);
    });
  };
}
