import { describe, expect, it } from 'vitest';
import { storeReports } from '../../../src/reports/batch-reports.ts';
import type { Bytes } from '../../../src/storage/storage.ts';
import { item } from '../../support/items.ts';

const names = { manifest: 'b/manifest.jsonl', gallery: 'b/index.html' };

const queries = {
  async *items() {
    for (let n = 0; n < 1_000; n += 1) yield item({ id: `clip-${n}` });
  },
};

/** A storage in memory that fails for one page. */
function storage(broken?: string) {
  const pages = new Map<string, string>();
  return {
    pages,
    async overwrite(name: string, body: Bytes) {
      // Fails before it reads a line.
      if (name === broken) throw new Error('disk full');
      let text = '';
      for await (const piece of body) text += piece.toString();
      pages.set(name, text);
      return { location: `file:///videos/${name}` };
    },
  };
}

describe('the reports of a batch', () => {
  it('are written in one reading, with every item', async () => {
    const kept = storage();
    expect(await storeReports(queries, kept, 'b', names)).toEqual({
      gallery: 'file:///videos/b/index.html',
      manifest: 'file:///videos/b/manifest.jsonl',
    });
    expect(kept.pages.get('b/manifest.jsonl')?.trimEnd().split('\n')).toHaveLength(1_000);
    expect(kept.pages.get('b/index.html')?.match(/"clip-\d+"/g)).toHaveLength(1_000);
  });

  it.each(['b/manifest.jsonl', 'b/index.html'])('are written even if %s cannot be', async (broken) => {
    const kept = storage(broken);
    await expect(storeReports(queries, kept, 'b', names)).rejects.toThrow('disk full');
    expect(kept.pages.size).toBe(1);
    expect([...kept.pages.values()].join('').match(/"clip-\d+"/g)).toHaveLength(1_000);
  });

  it('stay as they are when it is over', async () => {
    const kept = storage();
    const signal = AbortSignal.abort(new Error('the process is draining'));
    await expect(storeReports(queries, kept, 'b', names, signal)).rejects.toThrow('draining');
    expect(kept.pages.size).toBe(0);
  });
});
