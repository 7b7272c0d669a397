import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import { preludeFor } from './schema/prelude.ts';

/** Each verb is one file under lua/, whose header has its arguments, reply and invariant. */
export const verbs = [
  'adopt',
  'balance',
  'begin',
  'cancel',
  'claim-output',
  'claim-task',
  'cool-down',
  'count-download',
  'dispatch',
  'folder-known',
  'fresh-urls',
  'halt',
  'hint',
  'limits',
  'load',
  'move',
  'overview',
  'pause',
  'place',
  'poll-permit',
  'postpone-trial',
  'purge',
  'register',
  'reject',
  'reports-claim',
  'reports-done',
  'reports-keep',
  'reserve',
  'retry',
  'sweep',
  'trim-events',
  'unclear',
  'usage',
] as const;
export type Verb = (typeof verbs)[number];

/** Runs a verb atomically in Redis. The reply is unchecked: the caller parses it. */
export type RunScript = (verb: Verb, ...args: (string | number)[]) => Promise<unknown>;

type Commands = Record<`clipmill:${Verb}`, (prefix: string, ...args: (string | number)[]) => Promise<unknown>>;

/**
 * Defines the verbs as commands of this connection. ioredis sends each script once per connection and by its
 * checksum from then on, and sends it again to a Redis that was restarted or failed over.
 */
export function scriptRunner(redis: RedisClient, prefix: string): RunScript {
  for (const verb of verbs) redis.defineCommand(`clipmill:${verb}`, { numberOfKeys: 1, lua: loadScript(verb) });
  const commands = redis as RedisClient & Commands;
  return (verb, ...args) => commands[`clipmill:${verb}`](prefix, ...args);
}

/** Parses a reply with named fields, which lua/lib/fields.lua makes: a flat list of names and values. */
export function namedReply<Fields>(fields: z.ZodType<Fields>) {
  return z.preprocess(named, fields as z.ZodType<Fields, Record<string, string>>);
}

/** @returns what is no such list as it is: the schema of the fields refuses it */
function named(flat: unknown): unknown {
  if (!Array.isArray(flat)) return flat;
  const fields: Record<string, unknown> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[String(flat[at])] = flat[at + 1];
  return fields;
}

/** JSON that a script can decode: Lua's cjson refuses half of a surrogate pair. */
export function scriptJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!/\\ud[89a-f]/.test(json)) return json;
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? part.toWellFormed() : part));
}

const loaded = new Map<Verb, string>();

/** Verbs that bring something new, which a full Redis refuses: before any of it is written, and before a POST. */
const refusedWhenFull: ReadonlySet<Verb> = new Set(['adopt', 'begin', 'dispatch', 'register']);

/**
 * Lets a verb record or free something in a Redis that is full (maxmemory): once a script has written, Redis
 * refuses none of its further commands, and no key has the name of the prefix.
 */
const ALLOW_WHEN_FULL = "redis.call('DEL', KEYS[1])\n";

/** A verb's script with its libraries and what it uses of the schema. */
export function loadScript(verb: Verb): string {
  const known = loaded.get(verb);
  if (known !== undefined) return known;
  const source = withIncludes(readLua(`${verb}.lua`));
  const script = refusedWhenFull.has(verb) ? source : ALLOW_WHEN_FULL + source;
  loaded.set(verb, script);
  return script;
}

/** Replaces `--- @include schema a b c` by the schema's definitions and the files lib/a.lua, lib/b.lua, lib/c.lua. */
function withIncludes(source: string): string {
  return source.replace(/^--- @include schema(.*)$/m, (_line, names: string) => {
    const libraries = names.trim().split(' ').filter(Boolean);
    const included = libraries.map((name) => readLua(`lib/${name}.lua`)).join('\n');
    return `${preludeFor(included + source)}\n${included}`;
  });
}

function readLua(path: string): string {
  return readFileSync(new URL(`./lua/${path}`, import.meta.url), 'utf8');
}
