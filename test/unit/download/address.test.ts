import { describe, expect, it } from 'vitest';
import { isPublic, publicLookup } from '../../../src/download/address.ts';

describe('addresses that clips may come from', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '64:ff9b::808:808'])(
    '%s is public',
    (address) => expect(isPublic(address)).toBe(true),
  );

  const inside = ['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1'];
  const special = ['169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255', '198.18.0.1', '192.0.2.1'];
  const inside6 = ['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12::1', 'ff02::1', '2001::1'];
  const wrapped = ['::ffff:8.8.8.8', '::ffff:7f00:1', '::7f00:1', '2002:7f00:1::', '64:ff9b::7f00:1', '64:ff9b::a00:1'];
  it.each([...inside, ...special, ...inside6, ...wrapped, 'no address'])('%s is not', (address) =>
    expect(isPublic(address)).toBe(false),
  );

  it('are checked when a name is resolved', async () => {
    const refused = await new Promise((resolve) => publicLookup('localhost', { all: true }, (error) => resolve(error)));
    expect(refused).toMatchObject({ name: 'SourceError', fault: 'forbidden' });
  });
});
