import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DownloadPlaces, PlaceLost, type Place } from '../../../src/worker/steps/download-places.ts';

const never = new AbortController().signal;

async function take(places: DownloadPlaces, batch: string, count: number): Promise<Place[]> {
  const taken = await Promise.all(Array.from({ length: count }, () => places.acquire(batch, never)));
  return taken.filter((place) => place !== undefined);
}

describe('places of downloads', () => {
  it('all go to one batch while no other batch waits', async () => {
    const places = new DownloadPlaces(16);
    expect(await take(places, 'a', 16)).toHaveLength(16);
  });

  it('go to the batch with the fewest when one becomes free', async () => {
    const places = new DownloadPlaces(2);
    const [first, second] = await take(places, 'a', 2);
    const order: string[] = [];
    const waiting = ['a', 'a', 'b'].map(async (batch) => {
      const place = await places.acquire(batch, never);
      if (place) order.push(batch);
      return place;
    });
    first?.release();
    await sleep(1);
    second?.release();
    const granted = await Promise.all(waiting);
    expect(order).toEqual(['b', 'a']);
    expect(granted.filter((place) => place === undefined)).toHaveLength(1);
  });

  it('are taken from the slowest download of a batch that has more than its share, while another waits', async () => {
    let now = 0;
    const places = new DownloadPlaces(4, () => now);
    const held = await take(places, 'a', 4);
    for (let second = 0; second < 4; second += 1) {
      now += 1_000;
      for (const [index, place] of held.entries()) place.progressed(index === 2 ? 1 : 1_000_000);
    }
    places.rebalance();
    expect(held.some((place) => place.signal.aborted)).toBe(false);
    const waiting = places.acquire('b', never);
    places.rebalance();
    expect(held.map((place) => place.signal.aborted)).toEqual([false, false, true, false]);
    expect(held[2]?.signal.reason).toBeInstanceOf(PlaceLost);
    held[2]?.release();
    expect(await waiting).toBeDefined();
  });

  it('stay with fast downloads, and with a batch within its share', async () => {
    let now = 0;
    const places = new DownloadPlaces(2, () => now);
    const held = [...(await take(places, 'a', 1)), ...(await take(places, 'b', 1))];
    now += 5_000;
    for (const batch of ['a', 'b']) void places.acquire(batch, never);
    places.rebalance();
    expect(held.some((place) => place.signal.aborted)).toBe(false);
    const quick = new DownloadPlaces(1, () => now);
    const [only] = await take(quick, 'a', 1);
    now += 5_000;
    only?.progressed(10_000_000);
    void quick.acquire('b', never);
    quick.rebalance();
    expect(only?.signal.aborted).toBe(false);
  });

  it('are given up when the process drains', async () => {
    const places = new DownloadPlaces(1);
    const [held] = await take(places, 'a', 1);
    const drain = new AbortController();
    const waiting = places.acquire('a', drain.signal);
    drain.abort(new Error('draining'));
    await expect(waiting).rejects.toThrow('draining');
    await expect(places.acquire('a', drain.signal)).rejects.toThrow('draining');
    held?.release();
    expect(await take(places, 'b', 1)).toHaveLength(1);
  });
});
