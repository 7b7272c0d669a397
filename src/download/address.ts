import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { contains, parseRange, type Address, type Range } from '../core/address-range.ts';
import { SourceError } from './errors.ts';

/**
 * The IANA special-purpose registries of IPv4 and IPv6 (RFC 6890, as of 2025), and multicast: ranges and whether
 * they are globally reachable. Of several ranges that contain an address the narrowest counts.
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
  // Global unicast addresses are those of 2000::/3 alone.
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

/** IPv6 ranges that carry an IPv4 address in their last 32 bits and lead to it: mapped, and NAT64's. */
const carriers = ['::ffff:0:0/96', '64:ff9b::/96'].map(parseRange);

/** Parses an address as a resolver writes it; an IPv6 address that leads to an IPv4 one becomes that. */
function parseAddress(text: string): Address | undefined {
  // A zone stands only in addresses of the local link.
  if (text.includes('%') || !ipaddr.isValid(text)) return undefined;
  const address = ipaddr.parse(text);
  if (!carriers.some((carrier) => contains(carrier, address))) return address;
  return ipaddr.fromByteArray(address.toByteArray().slice(-4));
}

/** The narrowest range of the registries around an address, and whether it is globally reachable. */
function registered(address: Address): { cidr: string; reachable: boolean } {
  const around = ranges.filter((range) => contains(range, address));
  const [narrowest] = around.toSorted((one, other) => other.bits - one.bits);
  return narrowest ?? { cidr: address.toString(), reachable: false };
}

/** The addresses that clips may be fetched from. */
export interface AddressRules {
  /** Every address: right when the API itself is on this machine. */
  any: boolean;
  /** Ranges that are allowed although they are not on the public internet. */
  allowed: readonly Range[];
}

/** Whether clips may be fetched from an IP address: it is globally reachable, or in an allowed range. */
export function isAllowed(text: string, { any, allowed }: AddressRules): boolean {
  if (any) return true;
  const address = parseAddress(text);
  if (!address) return false;
  return registered(address).reachable || allowed.some((range) => contains(range, address));
}

/** The error for an address that is not allowed; it names the setting that would allow it. */
export function forbidden(host: string, text: string): SourceError {
  const address = parseAddress(text);
  const range = address ? registered(address).cidr : text;
  return new SourceError(
    'forbidden',
    `${host} is at ${text}, which is not on the public internet; ` +
      `if a VPN or proxy of yours answers with such addresses, set CLIPMILL_ALLOW_ADDRESSES=${range}`,
  );
}

/**
 * Resolves a name for a connection that is about to be made, so that the address that is checked is the one that
 * is used: a name that resolves differently a moment later gains nothing.
 */
export function checkedLookup(rules: AddressRules): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      const [first] = found ?? [];
      if (error || !first) return callback(error ?? new Error(`${hostname} has no address`), '', 0);
      const allowed = found.filter(({ address }) => isAllowed(address, rules));
      const [chosen] = allowed;
      if (!chosen) return callback(forbidden(hostname, first.address), '', 0);
      if (options.all) return callback(null, allowed);
      return callback(null, chosen.address, chosen.family);
    });
  };
}
