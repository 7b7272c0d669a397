import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { contains, type Range } from '../core/address-range.ts';
import { parseAddress, registered } from './address-registry.ts';
import { SourceError } from './error.ts';

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
