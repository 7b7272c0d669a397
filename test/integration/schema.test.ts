import { format, resolveConfig } from 'prettier';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { constants, durationBin } from '../../src/ledger/schema/constants.ts';
import { keysFor, manyKeys, singleKeys } from '../../src/ledger/schema/keys.ts';
import { withSchema } from '../../src/ledger/schema/lua.ts';
import { reasons } from '../../src/ledger/schema/reasons.ts';
import { codedStates, endStates, itemStates, openStates, transitions } from '../../src/ledger/schema/states.ts';
import { loadScript, scriptNames } from '../../src/ledger/scripts.ts';
import { openRedis } from '../../src/redis/connect.ts';
import { redisKeysDoc } from '../support/redis-keys-doc.ts';

const keys = keysFor('schema-test');

/** Evaluates a Lua table in Redis, with what it uses of the schema. */
async function inLua(table: string): Promise<unknown> {
  const redis = openRedis(inject('redisUrl'), { name: 'test', patient: false });
  onTestFinished(() => redis.disconnect());
  const lua = `return cjson.encode(${table})`;
  return JSON.parse(String(await redis.eval(withSchema(lua), 1, keys.prefix)));
}

function upperSnake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function setOf(names: readonly string[]): Record<string, true> {
  return Object.fromEntries(names.map((name) => [name, true]));
}

describe('the schema, as the Lua scripts see it', () => {
  it('has the same states and transitions', async () => {
    expect(await inLua('{ STATES, OPEN_STATES, IS_END, HAS_CODE }')).toEqual([
      itemStates,
      openStates,
      setOf(endStates),
      setOf(codedStates),
    ]);
    for (const from of itemStates) {
      const calls = itemStates.map((to) => `${to} = mayMove('${from}', '${to}')`);
      const expected = itemStates.map((to) => [to, transitions[from].includes(to)]);
      expect(await inLua(`{ ${calls.join(', ')} }`), from).toEqual(Object.fromEntries(expected));
    }
  });

  it('has the same keys', async () => {
    const single = Object.keys(singleKeys).map((name) => `${name} = ${upperSnake(name)}`);
    const many = Object.keys(manyKeys).map((name) => `${name} = ${name}Key('X/Y')`);
    const expected = Object.entries(keys).map(([name, key]) => [name, typeof key === 'string' ? key : key('X/Y')]);
    const { tag, prefix, ...rest } = Object.fromEntries(expected) as Record<string, string>;
    expect(prefix).toBe(`${tag}:`);
    expect(await inLua(`{ ${[...single, ...many].join(', ')} }`)).toEqual(rest);
    expect(await inLua("{ refOf('a', 'b'), splitRef('a/b') }")).toEqual(['a/b', 'a', 'b']);
  });

  it('has the same constants and messages', async () => {
    const names = Object.keys(constants).map((name) => `${name} = ${upperSnake(name)}`);
    expect(await inLua(`{ ${names.join(', ')} }`)).toEqual(constants);
    const messages = Object.keys(reasons).map((code) => `${code} = ${code}_MESSAGE`);
    expect(await inLua(`{ ${messages.join(', ')} }`)).toEqual(reasons);
  });

  it('includes in each script what it uses, and Redis compiles all', async () => {
    const redis = openRedis(inject('redisUrl'), { name: 'test', patient: false });
    onTestFinished(() => redis.disconnect());
    for (const name of scriptNames) {
      const lua = loadScript(name);
      expect(lua, name).not.toContain('@include');
      await redis.script('LOAD', lua);
    }
    expect(withSchema('return SLOTS')).toBe("return (KEYS[1] .. 'slots')");
  });
});

describe('the schema', () => {
  it('has a way out of every open state, and a way into every state', () => {
    expect(itemStates).toEqual([...openStates, ...endStates]);
    const reachable = new Set(Object.values(transitions).flat());
    expect(itemStates.filter((state) => !reachable.has(state))).toEqual([]);
    for (const state of openStates) expect(transitions[state].length, state).toBeGreaterThan(0);
  });

  it('counts durations up to a day', () => {
    expect(durationBin(0)).toBe(0);
    expect(durationBin(24 * 3_600_000)).toBe(constants.lastBin - 1);
    expect(durationBin(25 * 3_600_000)).toBeUndefined();
  });

  it('is what docs/redis-keys.md documents', async () => {
    const file = new URL('../../docs/redis-keys.md', import.meta.url).pathname;
    const options = await resolveConfig(file);
    await expect(await format(redisKeysDoc(), { ...options, parser: 'markdown' })).toMatchFileSnapshot(file);
  });
});
