import { describe, expect, it } from 'vitest';
import { MAX_WAITING_POLLS, PollLimiter } from '../../../src/worker/steps/poll-limiter.ts';

const TOKEN_MS = 6;

describe('PollLimiter', () => {
  it('widens up to its maximum while tokens come soon, and narrows once the line is long', () => {
    const limiter = new PollLimiter(96, TOKEN_MS);
    expect(limiter.width).toBe(MAX_WAITING_POLLS);
    for (let n = 0; n < 20; n += 1) limiter.reserved(TOKEN_MS);
    expect(limiter.width).toBe(MAX_WAITING_POLLS + 20);
    limiter.reserved(TOKEN_MS * MAX_WAITING_POLLS + 1);
    expect(limiter.width).toBe(MAX_WAITING_POLLS);
    for (let n = 0; n < 200; n += 1) limiter.reserved(0);
    expect(limiter.width).toBe(96);
  });

  it('starts waiting polls as soon as it widens', async () => {
    const limiter = new PollLimiter(96, TOKEN_MS);
    const release: (() => void)[] = [];
    const acquire = () => new Promise<void>((resolve) => release.push(resolve));
    const all = Array.from({ length: 12 }, () => limiter.run(acquire));
    await Promise.resolve();
    expect(release).toHaveLength(MAX_WAITING_POLLS);
    for (let n = 0; n < 4; n += 1) limiter.reserved(0);
    await new Promise(setImmediate);
    expect(release).toHaveLength(12);
    for (const resolve of release) resolve();
    await Promise.all(all);
  });

  it('stays narrow if a process runs fewer polls at once', () => {
    const limiter = new PollLimiter(3, TOKEN_MS);
    limiter.reserved(0);
    limiter.reserved(10_000);
    expect(limiter.width).toBe(3);
  });
});
