import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { RedisClient } from '../redis/connect.ts';
import { withSchema } from './schema/lua.ts';

/** Each script is one file under lua/, whose header documents its arguments, its reply and its invariant. */
export const scriptNames = [
  'adopt',
  'assign',
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
export type ScriptName = (typeof scriptNames)[number];

/** Runs a script atomically in Redis. The reply is unchecked: the caller parses it. */
export type RunScript = (name: ScriptName, ...args: (string | number)[]) => Promise<unknown>;

type Commands = Record<`clipmill:${ScriptName}`, (prefix: string, ...args: (string | number)[]) => Promise<unknown>>;

/**
 * Defines the scripts as commands of this connection. ioredis sends each script once per connection, then only its
 * checksum, and the script again after a restart or a fail-over of Redis.
 */
export function scriptRunner(redis: RedisClient, prefix: string): RunScript {
  for (const name of scriptNames) redis.defineCommand(`clipmill:${name}`, { numberOfKeys: 1, lua: loadScript(name) });
  const commands = redis as RedisClient & Commands;
  return (name, ...args) => commands[`clipmill:${name}`](prefix, ...args);
}

/** Returns a schema for a reply with named fields, a flat list of names and values from lua/lib/fields.lua. */
export function namedReply<Fields>(fields: z.ZodType<Fields>) {
  return z.preprocess(named, fields as z.ZodType<Fields, Record<string, string>>);
}

/** Returns anything but a list unchanged: the schema of the fields refuses it. */
function named(flat: unknown): unknown {
  if (!Array.isArray(flat)) return flat;
  const fields: Record<string, unknown> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[String(flat[at])] = flat[at + 1];
  return fields;
}

/** Returns JSON that a script can decode: Lua's cjson refuses half of a surrogate pair. */
export function scriptJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!/\\ud[89a-f]/.test(json)) return json;
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? part.toWellFormed() : part));
}

const loaded = new Map<ScriptName, string>();

/** Scripts that start new work. A full Redis must refuse them before they write anything, and before a POST. */
const refusedWhenFull: ReadonlySet<ScriptName> = new Set(['adopt', 'begin', 'dispatch', 'register']);

/**
 * First command of the other scripts, which record or free something also in a full Redis (maxmemory): once a script has
 * written, Redis refuses none of its further commands. No key has the name of the prefix, so it deletes nothing.
 */
const ALLOW_WHEN_FULL = "redis.call('DEL', KEYS[1])\n";

/** Returns the text of a script with its libraries and what it uses of the schema. */
export function loadScript(name: ScriptName): string {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const source = withSchema(withIncludes(readLua(`${name}.lua`)));
  const script = refusedWhenFull.has(name) ? source : ALLOW_WHEN_FULL + source;
  loaded.set(name, script);
  return script;
}

/** Replaces `--- @include a b c` by the files lib/a.lua, lib/b.lua, lib/c.lua. */
function withIncludes(source: string): string {
  return source.replace(/^--- @include (.*)$/m, (_line, names: string) =>
    names
      .trim()
      .split(' ')
      .map((name) => readLua(`lib/${name}.lua`))
      .join('\n'),
  );
}

function readLua(path: string): string {
  return readFileSync(new URL(`./lua/${path}`, import.meta.url), 'utf8');
}
