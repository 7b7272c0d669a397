import { describe, expect, it } from 'vitest';
import { parseRange } from '../../../src/core/address-range.ts';
import { checkedLookup, forbiddenAddress, isAllowed } from '../../../src/download/address.ts';

const strict = { any: false, allowed: [] };

/**
 * Addresses of each row of IANA's special-purpose registries (first and last of a range, and its neighbours), by
 * whether they are globally reachable unicast.
 */
const reachable = [
  '1.0.0.0',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '191.255.255.255',
  '192.0.0.9',
  '192.0.0.10',
  '192.0.1.0',
  '192.0.3.0',
  '192.31.196.1',
  '192.52.193.1',
  '192.88.98.255',
  '192.88.100.0',
  '192.167.255.255',
  '192.169.0.0',
  '192.175.48.1',
  '198.17.255.255',
  '198.20.0.0',
  '198.51.99.255',
  '198.51.101.0',
  '203.0.112.255',
  '203.0.114.0',
  '223.255.255.255',
  '2001:1::1',
  '2001:1::2',
  '2001:1::3',
  '2001:3::1',
  '2001:4:112::1',
  '2001:20::1',
  '2001:2f:ffff::1',
  '2001:30::1',
  '2001:3f:ffff::1',
  '2001:200::1',
  '2001:db7:ffff::1',
  '2001:db9::1',
  '2003::1',
  '2606:4700::1111',
  '2620:4f:8000::1',
  '3ffe::1',
  // They embed IPv4 addresses that are globally reachable.
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
  '64:ff9b::8.8.8.8',
];
const notReachable = [
  '0.0.0.0',
  '0.255.255.255',
  '10.0.0.0',
  '10.255.255.255',
  '100.64.0.0',
  '100.127.255.255',
  '127.0.0.0',
  '127.255.255.255',
  '169.254.0.0',
  '169.254.169.254',
  '169.254.255.255',
  '172.16.0.0',
  '172.31.255.255',
  '192.0.0.0',
  '192.0.0.8',
  '192.0.0.170',
  '192.0.0.255',
  '192.0.2.0',
  '192.0.2.255',
  '192.88.99.0',
  '192.88.99.2',
  '192.168.0.0',
  '192.168.255.255',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.255',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.0',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::808:808',
  '::ffff:0:0',
  '::ffff:127.0.0.1',
  '::ffff:10.1.2.3',
  '::ffff:a9fe:a9fe',
  '::ffff:0:8.8.8.8',
  '64:ff9b::7f00:1',
  '64:ff9b::10.0.0.1',
  '64:ff9b::192.168.1.1',
  '64:ff9b:1::1',
  '64:ff9b:1:ffff::8.8.8.8',
  '64:ff9b:2::1',
  '100::1',
  '100:0:0:1::1',
  '1fff:ffff::1',
  '2001::1',
  '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  '2001:1::4',
  '2001:2::1',
  '2001:4:111::1',
  '2001:5::1',
  '2001:10::1',
  '2001:40::1',
  '2001:1ff:ffff::1',
  '2001:db8::1',
  '2001:db8:ffff::1',
  '2002:7f00:1::',
  '2002:a00:1::1',
  '2002:808:808::1',
  '3fff::1',
  '3fff:fff:ffff::1',
  '4000::1',
  '5f00::1',
  '5f00:ffff::1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'fe80::1%eth0',
  '2606:4700::1111%eth0',
  'febf::1',
  'fec0::1',
  'ff02::1',
  'ff0e::1',
  'no address',
  '',
];

describe('addresses of clips', () => {
  it.each(reachable)('accept %s', (address) => expect(isAllowed(address, strict)).toBe(true));
  it.each(notReachable)('refuse %s', (address) => expect(isAllowed(address, strict)).toBe(false));

  it('can be allowed by range, and the error names the range to allow', () => {
    const rules = { any: false, allowed: ['198.18.0.0/15', 'fd00::/8', '10.1.2.3'].map(parseRange) };
    expect(['198.18.0.7', '198.19.255.1', 'fd00::7', '10.1.2.3'].map((text) => isAllowed(text, rules))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['10.1.2.4', 'fc00::7', '127.0.0.1'].some((text) => isAllowed(text, rules))).toBe(false);
    expect(forbiddenAddress('clips.example', '198.18.0.7').message).toContain('CLIPMILL_ALLOW_ADDRESSES=198.18.0.0/15');
  });

  it('are checked when a name is resolved', async () => {
    const lookup = checkedLookup(strict);
    const refused = await new Promise((resolve) => lookup('localhost', { all: true }, (error) => resolve(error)));
    expect(refused).toMatchObject({ name: 'SourceError', fault: 'forbidden' });
    const loopback = checkedLookup({ any: false, allowed: [parseRange('127.0.0.0/8'), parseRange('::1')] });
    const found = await new Promise((resolve) =>
      loopback('localhost', { all: true }, (error, addresses) => resolve(error ?? addresses)),
    );
    expect(found).not.toEqual([]);
    expect(found).not.toBeInstanceOf(Error);
  });
});
