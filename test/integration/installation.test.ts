import { describe, expect, it } from 'vitest';
import { openLedger } from '../support/ledger.ts';
import { createInstallation } from '../../src/ledger/installation.ts';

describe('the installation that a prefix remembers', () => {
  it('has one id for concurrent processes, and restores it in a Redis that returns empty', async () => {
    const { redis, keys } = await openLedger();
    const [first, second] = [createInstallation(redis, keys), createInstallation(redis, keys)];
    const [a, b] = await Promise.all([first.id(), second.id()]);
    expect(a).toBe(b);
    await redis.del(keys.installation);
    expect(await first.id()).toBe(a);
    expect(await createInstallation(redis, keys).id()).toBe(a);
  });

  it('belongs to one account, until a further key of it is accepted', async () => {
    const { redis, keys } = await openLedger();
    const installation = createInstallation(redis, keys);
    expect(await installation.claimAccount('key-1', false)).toEqual({ ok: true });
    const refused = await installation.claimAccount('key-2', 'ffffffffffffffff');
    expect(refused).toMatchObject({ ok: false, fingerprint: expect.stringMatching(/^[\da-f]{16}$/) });
    expect(await installation.read('key-2')).toMatchObject({ account: 'other' });
    if (refused.ok) throw new Error('was accepted');
    // By its fingerprint, as a setting that may stay: it accepts no third key.
    expect(await installation.claimAccount('key-2', refused.fingerprint)).toEqual({ ok: true });
    expect(await installation.claimAccount('key-3', refused.fingerprint)).toMatchObject({ ok: false });
    expect(await installation.claimAccount('key-3', true)).toEqual({ ok: true });
    // All keys of the account are good from then on: a rolling deploy runs old and new ones side by side.
    for (const key of ['key-1', 'key-2', 'key-3']) {
      expect(await installation.claimAccount(key, false)).toEqual({ ok: true });
      expect(await installation.read(key)).toMatchObject({ account: 'same' });
    }
    expect(JSON.stringify(await redis.hgetall(keys.installation))).not.toContain('key-');
  });

  it('accepts one of two accounts that start at once', async () => {
    const { redis, keys } = await openLedger();
    const claims = await Promise.all(
      ['a', 'b', 'c'].map((key) => createInstallation(redis, keys).claimAccount(key, false)),
    );
    expect(claims.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it('remembers its storage, and detects another one', async () => {
    const { redis, keys } = await openLedger();
    const installation = createInstallation(redis, keys);
    expect(await installation.claimStorage('file:///a/')).toBeUndefined();
    expect(await installation.claimStorage('file:///a/')).toBeUndefined();
    expect(await installation.claimStorage('s3://b')).toBe('file:///a/');
    expect(await installation.claimStorage('s3://b')).toBeUndefined();
  });
});
