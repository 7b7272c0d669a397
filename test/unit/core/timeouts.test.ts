import { describe, expect, it } from 'vitest';
import { endsWithin, TimeoutError, withTimeout } from '../../../src/core/timeouts.ts';

const never = new Promise<never>(() => {});

describe('withTimeout', () => {
  it('settles as the work does', async () => {
    expect(await withTimeout(Promise.resolve(7), { ms: 1_000 })).toBe(7);
    await expect(withTimeout(Promise.reject(new Error('no')), { ms: 1_000 })).rejects.toThrow('no');
  });

  it('throws at the timeout', async () => {
    await expect(withTimeout(never, { ms: 1 })).rejects.toBeInstanceOf(TimeoutError);
  });

  it('throws the reason of the signal, even if it aborted before and the work is done', async () => {
    const reason = new Error('draining');
    const controller = new AbortController();
    const waiting = withTimeout(never, { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(withTimeout(Promise.resolve(7), { signal: controller.signal })).rejects.toBe(reason);
  });

  it('ignores work that fails after the limit', async () => {
    let fail: ((error: Error) => void) | undefined;
    const work = new Promise<void>((_resolve, reject) => {
      fail = reject;
    });
    expect(await endsWithin(work, 1)).toBe(false);
    fail?.(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('distinguishes work that ends in time from work that fails', async () => {
    expect(await endsWithin(Promise.resolve(), 1_000)).toBe(true);
    await expect(endsWithin(Promise.reject(new Error('no')), 1_000)).rejects.toThrow('no');
  });
});
