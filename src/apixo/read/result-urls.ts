import { parseJson, unwrapJson } from './json.ts';
import { isFields, normalize } from './json-fields.ts';

const MAX_URL = 8_192;
const MAX_VALUES = 2_000;
const MAX_DEPTH = 8;

/** Names of fields without clips: images, sound, and inputs of the request. */
const otherThings =
  /cover|thumb|poster|preview|frame|image|img|picture|snapshot|avatar|logo|icon|audio|music|subtitle|caption|callback|webhook|^input|^request|^params?$|^metadata$|prompt|reference|docs?url|help|status|message|msg|error/;
/** Names of fields with a copy of a clip, which are used only if no other field has one. */
const copies = /watermark|download|backup|origin|proxy|hls|stream|low|small/;
const notAClip = /\.(jpe?g|png|webp|gif|avif|bmp|svg|heic|json|txt|html?|srt|vtt|mp3|wav|m4a|zip)$/i;

/**
 * Returns the URLs of the clips in the data of a finished task, each once, in their order.
 *
 * The documented place is `resultJson`, a JSON string `{"resultUrls": […]}`. Read as well: an object, a list
 * or a plain URL in its place, and URLs under any other name but those of covers, sounds and inputs.
 */
export function findResultUrls(data: unknown): string[] {
  const first: string[] = [];
  const second: string[] = [];
  collect(data, { first, second, left: MAX_VALUES }, first, 0);
  return [...new Set(first.length > 0 ? first : second)];
}

/** Returns the URLs from the documented place; `undefined` when the answer deviates from the documentation. */
export function documentedUrls(data: unknown): string[] | undefined {
  if (!isFields(data) || typeof data['resultJson'] !== 'string') return undefined;
  const result = parseJson(data['resultJson']);
  if (!isFields(result) || Object.keys(result).length !== 1 || !Array.isArray(result['resultUrls'])) return undefined;
  const urls = result['resultUrls'].map((url: unknown) => (typeof url === 'string' ? readUrls(url) : []));
  return urls.every((found) => found.length === 1) ? [...new Set(urls.flat())] : undefined;
}

interface Collected {
  first: string[];
  second: string[];
  left: number;
}

function collect(value: unknown, collected: Collected, into: string[], depth: number): void {
  if (depth > MAX_DEPTH || (collected.left -= 1) < 0) return;
  const opened = unwrapJson(value);
  if (typeof opened === 'string') into.push(...readUrls(opened));
  else if (Array.isArray(opened)) for (const entry of opened) collect(entry, collected, into, depth + 1);
  else if (isFields(opened)) {
    for (const [name, child] of Object.entries(opened)) {
      const normalized = normalize(name);
      if (otherThings.test(normalized)) continue;
      collect(child, collected, copies.test(normalized) ? collected.second : into, depth + 1);
    }
  }
}

/** Returns the URLs of a text of URLs only: one, or several that are separated by commas or white space. */
function readUrls(text: string): string[] {
  if (text.length > MAX_URL || !/^\s*https?:\/\//i.test(text)) return [];
  return text
    .trim()
    .split(/[\s,;|]+(?=https?:\/\/)/i)
    .flatMap((part) => {
      const url = URL.canParse(part) && !/\s/.test(part) ? new URL(part) : undefined;
      return url && url.hostname !== '' && !notAClip.test(url.pathname) ? [part.toWellFormed()] : [];
    });
}
