import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RedisClient } from '../redis/connect.ts';

/** Each verb is one file under lua/, whose header says what it takes, returns and guarantees. */
export type Verb =
  | 'begin'
  | 'cancel'
  | 'claim-task'
  | 'claim-output'
  | 'cool-down'
  | 'load'
  | 'dispatch'
  | 'halt'
  | 'limits'
  | 'poll-permit'
  | 'move'
  | 'reports-claim'
  | 'reports-done'
  | 'reports-keep'
  | 'pause'
  | 'postpone-trial'
  | 'purge'
  | 'register'
  | 'reject'
  | 'fresh-urls'
  | 'reserve'
  | 'retry'
  | 'sweep'
  | 'usage';

/** Runs a verb atomically in Redis. The reply is unchecked: the caller parses it. */
export type RunScript = (verb: Verb, ...args: (string | number)[]) => Promise<unknown>;

export function scriptRunner(redis: RedisClient, prefix: string): RunScript {
  return async (verb, ...args) => {
    const script = loadScript(verb);
    try {
      return await redis.evalsha(script.sha, 1, prefix, ...args);
    } catch (error) {
      // A Redis that was restarted or failed over does not know the script yet.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await redis.eval(script.lua, 1, prefix, ...args);
    }
  };
}

interface Script {
  lua: string;
  sha: string;
}

const loaded = new Map<Verb, Script>();

function loadScript(verb: Verb): Script {
  const known = loaded.get(verb);
  if (known) return known;
  const lua = withIncludes(readLua(`${verb}.lua`));
  const script = { lua, sha: createHash('sha1').update(lua).digest('hex') };
  loaded.set(verb, script);
  return script;
}

/** Puts the files named by `--- @include a b c` before the script, in that order. */
function withIncludes(source: string): string {
  return source.replace(/^--- @include (.+)$/m, (_line, names: string) =>
    names
      .split(' ')
      .map((name) => readLua(`lib/${name}.lua`))
      .join('\n'),
  );
}

function readLua(path: string): string {
  return readFileSync(new URL(`./lua/${path}`, import.meta.url), 'utf8');
}
