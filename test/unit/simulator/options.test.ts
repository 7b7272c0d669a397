import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/core/errors.ts';
import { changeFaults } from '../../../src/simulator/faults.ts';
import { startSimulator } from '../../../src/simulator/start-simulator.ts';
import type { SimulatorOptions } from '../../../src/simulator/options.ts';
import { readBalance, readOptions } from '../../../src/simulator/options.ts';

describe('readOptions', () => {
  it('behaves like the real API by default', () => {
    expect(readOptions({})).toEqual({
      port: 0,
      host: '127.0.0.1',
      speed: 1,
      maxTasks: 1_000,
      maxRequests: 10_000,
      requestWindowMs: 60_000,
      generationMs: { 5: [50_000, 70_000], 10: [80_000, 100_000] },
      seed: 1,
      price: 0.25,
      balanceEndpoint: true,
      callbackTimeoutMs: 30_000,
      keepTasks: 200_000,
    });
  });

  it('names each invalid option in one line', () => {
    const options: object = { speed: 0, sped: 2 };
    expect(() => readOptions(options)).toThrow(/^simulator: speed: [^\n]+; sped: is not a parameter$/);
    expect(() => changeFaults({}, { create5000: 0.1 })).toThrow(/^faults: create5000: is not a parameter$/);
  });

  it('may set the times of one clip length', () => {
    expect(readOptions({ generationMs: { 5: [1, 2] } }).generationMs).toEqual({ 5: [1, 2], 10: [80_000, 100_000] });
  });

  it.each<[string, object]>([
    ['speed', { speed: 0 }],
    ['maxTasks', { maxTasks: 0 }],
    ['maxRequests', { maxRequests: 1.5 }],
    ['generationMs', { generationMs: { 5: [70, 50] } }],
    ['clipBytes', { clipBytes: 1_000 }],
    ['port', { port: 70_000 }],
    ['price', { price: Number.NaN }],
    ['sped', { sped: 2 }],
  ])('refuses an invalid %s by name', (name, options) => {
    expect(() => readOptions(options)).toThrow(UserError);
    expect(() => readOptions(options)).toThrow(name);
  });
});

describe('faults and balance', () => {
  it('changes the given ones and keeps the rest', () => {
    const faults = changeFaults(changeFaults({}, { create500: 0.5 }), { down: true });
    expect(faults).toMatchObject({ create500: 0.5, down: true, create503: 0, latencyMs: null, retryAfter: null });
  });

  it.each([{ create500: 2 }, { create5000: 0.1 }, { latencyMs: [5, 1] }, { down: 'yes' }, [], 'down', null])(
    'refuses the faults %j',
    (change) => {
      expect(() => changeFaults({}, change)).toThrow(UserError);
    },
  );

  it('reads a balance, and null as unlimited', () => {
    expect([readBalance(0), readBalance(null)]).toEqual([0, undefined]);
    expect(() => readBalance(-1)).toThrow(UserError);
  });
});

it('reports a port that is in use', async () => {
  const first = await startSimulator();
  try {
    const port = Number(new URL(first.url).port);
    await expect(startSimulator({ port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
    await expect(startSimulator({ port })).rejects.toBeInstanceOf(UserError);
  } finally {
    await first.close();
  }
});

it('starts with faults', async () => {
  await expect(startSimulator({ faults: { create500: 9 } } satisfies SimulatorOptions)).rejects.toThrow('create500');
});
