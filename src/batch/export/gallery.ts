import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Item } from '../../ledger/item.ts';

/** Where the page finds an item's clip; `undefined` when there is none. */
export type ClipLink = (item: Item) => string | undefined;

/** The link of a clip from a page in `folder` of the same storage: it works from a disk and from a bucket. */
export function relativeLink(folder: string): ClipLink {
  return (item) =>
    item.state === 'done'
      ? posix.relative(folder, item.output).split('/').map(encodeURIComponent).join('/')
      : undefined;
}

/** The link of a clip by its location, for a page that may be kept anywhere. */
export const locationLink: ClipLink = (item) => (item.state === 'done' ? item.location : undefined);

/** A page that plays the clips of a batch, in pieces: it needs nothing but the clips themselves. */
export async function* galleryPage(batch: string, items: AsyncIterable<Item>, link: ClipLink): AsyncGenerator<string> {
  const [head = '', tail = ''] = template().replaceAll('{{title}}', escapeHtml(batch)).split('{{data}}');
  yield `${head}[`;
  let separator = '\n';
  for await (const item of items) {
    yield separator + scriptJson(galleryRow(item, link));
    separator = ',\n';
  }
  yield `\n]${tail}`;
}

function galleryRow(item: Item, link: ClipLink): unknown[] {
  const input: Record<string, unknown> = { ...(typeof item.input === 'object' ? item.input : {}) };
  const facts = [
    input['mode'],
    typeof input['duration'] === 'number' ? `${input['duration']} s` : undefined,
    input['aspect_ratio'],
    input['sound'] === false ? 'silent' : undefined,
    item.size === undefined ? undefined : `${(item.size / 1e6).toFixed(item.size < 1e6 ? 2 : 1)} MB`,
  ].filter((fact) => typeof fact === 'string');
  const reason = item.code ? [item.code, item.message].filter(Boolean).join(', ') : null;
  return [item.id, item.state, link(item) ?? null, input['prompt'] ?? '', facts.join(' · '), reason];
}

let page: string | undefined;

function template(): string {
  page ??= readFileSync(new URL('./gallery.html', import.meta.url), 'utf8');
  return page;
}

/** JSON that may stand inside a script element: no `</script>` or `<!--` in a prompt can end it. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', String.raw`\u003c`);
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
