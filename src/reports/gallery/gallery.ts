import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Item } from '../../ledger/item.ts';

/** Returns the URL of an item's clip for the page; `undefined` if there is no clip. */
export type ClipLink = (item: Item) => string | undefined;

/** Links clips relative to a page in `folder` of the same storage, which works on a disk and in a bucket. */
export function relativeLink(folder: string): ClipLink {
  return (item) =>
    item.state === 'done'
      ? posix
          .relative(folder, item.storedAs ?? item.output)
          .split('/')
          .map(encodeURIComponent)
          .join('/')
      : undefined;
}

/**
 * Links clips by their location, for a page that may be stored anywhere. Clips in a bucket are linked relative to
 * `folder`, because browsers do not open `s3://…`.
 */
export function locationLink(folder: string): ClipLink {
  const relative = relativeLink(folder);
  return (item) => (item.state === 'done' && item.location?.startsWith('file:') ? item.location : relative(item));
}

export interface GalleryOptions {
  link: ClipLink;
  /** Time of the state that the page shows. */
  at: Date;
}

/** Rows per chunk: the page adds them chunk by chunk while it loads. */
const CHUNK = 500;

/** Script that adds the chunk before it. A constant, so that the policy of the page can have its hash. */
const ADD = 'add()';

/**
 * Yields the pieces of a page that plays the clips of a batch. The page loads only the clips and runs only its own
 * scripts.
 */
export async function* galleryPage(
  batch: string,
  items: AsyncIterable<Item>,
  { link, at }: GalleryOptions,
): AsyncGenerator<string> {
  const { head, tail } = template();
  yield fill(head, { title: escapeHtml(batch), at: at.toISOString() });
  let rows: string[] = [];
  for await (const item of items) {
    rows.push(scriptJson(galleryRow(item, link)));
    if (rows.length < CHUNK) continue;
    yield chunkOf(rows);
    rows = [];
  }
  yield chunkOf(rows) + tail;
}

function chunkOf(rows: readonly string[]): string {
  return `<script type="application/json">[${rows.join(',\n')}]</script><script>${ADD}</script>\n`;
}

function galleryRow(item: Item, link: ClipLink): unknown[] {
  const input: Record<string, unknown> = { ...(typeof item.input === 'object' ? item.input : {}) };
  const facts = [
    input['mode'] === 'image-to-video' ? 'from an image' : undefined,
    typeof input['duration'] === 'number' ? `${input['duration']} s` : undefined,
    input['aspect_ratio'],
    input['sound'] === false ? 'silent' : undefined,
    item.size === undefined ? undefined : `${(item.size / 1e6).toFixed(item.size < 1e6 ? 2 : 1)} MB`,
    item.more && item.more.length > 0 ? `first of ${item.more.length + 1} files` : undefined,
  ].filter((fact) => typeof fact === 'string');
  const reason = item.code ? [item.code, item.message].filter(Boolean).join(': ') : null;
  return [item.id, item.state, link(item) ?? null, input['prompt'] ?? '', facts.join(' · '), reason];
}

/** The page before and after its rows. */
interface Template {
  head: string;
  tail: string;
}

let cached: Template | undefined;

function template(): Template {
  cached ??= makeTemplate();
  return cached;
}

/** Inserts style and script into the page, and their hashes into its policy. */
function makeTemplate(): Template {
  const [style, script] = [asset('style.css'), asset('script.js')];
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(script)} ${hashSource(ADD)}`,
    `style-src ${hashSource(style)}`,
    'media-src * file: data: blob:',
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const page = fill(asset('page.html'), { policy })
    .replace('<link rel="stylesheet" href="style.css" />', () => `<style>${style}</style>`)
    .replace('<script src="script.js"></script>', () => `<script>${script}</script>`);
  const [head = '', tail = ''] = page.split('{{rows}}');
  return { head, tail };
}

function asset(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** Replaces each `{{name}}` by its value. Placeholders within a value are not replaced. */
function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{\{(\w+)\}\}/g, (mark, name: string) => values[name] ?? mark);
}

/** Formats JSON for a script element, so that a `</script>` or `<!--` in a prompt does not end it. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', String.raw`\u003c`);
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
