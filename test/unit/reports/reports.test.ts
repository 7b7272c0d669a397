import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { csvLines } from '../../../src/reports/csv-lines.ts';
import { galleryPage, locationLink, relativeLink } from '../../../src/reports/gallery/gallery.ts';
import { jsonlLines, manifestRow } from '../../../src/reports/manifest.ts';
import type { Item } from '../../../src/ledger/item.ts';
import { item } from '../../support/items.ts';

async function* items(...list: Item[]): AsyncGenerator<Item> {
  yield* list;
}

const beside = { link: relativeLink('b'), at: new Date(0) };

/** Returns the rows of all chunks of a page. */
function rowsOf(page: string): unknown[][] {
  const chunks = page.matchAll(/<script type="application\/json">([^]*?)<\/script>/g);
  return [...chunks].flatMap(([, json = '']) => JSON.parse(json) as unknown[][]);
}

async function text(lines: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const line of lines) all += line;
  return all;
}

describe('the manifest', () => {
  it('has one line per item with all its facts', async () => {
    const failed = item({
      id: 'f',
      state: 'failed',
      code: 'NSFW',
      message: 'no',
      history: [{ attempt: 1, endedAt: 5 }],
    });
    const lines = (await text(jsonlLines(items(item(), failed)))).trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      id: 'a',
      state: 'done',
      input: item().input,
      provider: 'auto',
      priority: 100,
      output: 'b/a clip.mp4',
      attempts: 1,
      taskId: 'task_1',
      location: 'file:///videos/b/a%20clip.mp4',
      size: 5_242_880,
      sha256: 'ff',
      postedAt: '2023-11-14T22:13:20.000Z',
      endedAt: '2023-11-14T22:14:20.000Z',
    });
    expect(manifestRow(failed)).toMatchObject({ code: 'NSFW', message: 'no', pastAttempts: [{ attempt: 1 }] });
  });

  it('is also a table, without formulas', async () => {
    const tricky = item({ input: { prompt: '=HYPERLINK("http://evil")', image_urls: ['a', 'b'], sound: false } });
    const [head, row] = (await text(csvLines(items(tricky)))).split('\r\n');
    expect(head).toMatch(/^id,state,code,/);
    expect(row).toContain(`"'=HYPERLINK(""http://evil"")"`);
    expect(row).toContain('a b');
    expect(row).toContain('false');
  });
});

describe('the gallery', () => {
  it('links clips by relative path, or by location', () => {
    expect(relativeLink('b')(item())).toBe('a%20clip.mp4');
    expect(relativeLink('b')(item({ output: 'other/x.mp4' }))).toBe('../other/x.mp4');
    expect(relativeLink('b')(item({ state: 'failed' }))).toBeUndefined();
    expect(locationLink('b')(item())).toBe('file:///videos/b/a%20clip.mp4');
    expect(locationLink('b')(item({ state: 'failed' }))).toBeUndefined();
    // Browsers do not open this URL, so the page must be stored next to the clip.
    expect(locationLink('b')(item({ location: 's3://clips/b/a clip.mp4' }))).toBe('a%20clip.mp4');
  });

  it('embeds its rows as JSON that no prompt can break out of', async () => {
    const evil = item({ input: { prompt: '</script><script>alert(1)</script><!-- $& {{title}}' } });
    const page = await text(galleryPage('b <i>', items(evil, item()), beside));
    expect(page).toContain('<title>b &lt;i&gt; · clipmill</title>');
    expect(page).not.toContain('alert(1)</script>');
    const rows = rowsOf(page);
    expect(rows[0]?.[3]).toBe('</script><script>alert(1)</script><!-- $& {{title}}');
    expect(rows[1]).toEqual(['a', 'done', 'a%20clip.mp4', 'a fox', '5 s · 16:9 · 5.2 MB', null]);
  });

  it('allows only its own scripts and style, by hash', async () => {
    const page = await text(galleryPage('b', items(item()), beside));
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    const hashes = [...page.matchAll(/<(?:script|style)>([^]*?)<\/(?:script|style)>/g)].map(
      ([, content = '']) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`,
    );
    expect(hashes).toHaveLength(3);
    for (const hash of hashes) expect(policy).toContain(hash);
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-\S+' 'sha256-\S+'; style-src 'sha256-\S+'; /);
    expect(page).not.toMatch(/(?:src|href)="(?!data:,")/);
  });

  it('is written in chunks, so that a large one shows while it loads', async () => {
    const many = Array.from({ length: 1_200 }, (_, n) => item({ id: `c${n}` }));
    const page = await text(galleryPage('b', items(...many), beside));
    expect(page.match(/<script type="application\/json">/g)).toHaveLength(3);
    expect(rowsOf(page).map(([id]) => id)).toEqual(many.map(({ id }) => id));
  });
});
