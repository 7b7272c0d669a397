import { constants } from './constants.ts';
import { inRedis, manyKeys, singleKeys } from './keys.ts';
import { reasons } from './reasons.ts';
import { codedStates, endStates, itemStates, transitions } from './states.ts';

/** The schema as Lua definitions by name, in an order in which each can use the ones before. */
const definitions: Readonly<Record<string, string>> = {
  prefix: 'local prefix = KEYS[1]',
  ...Object.fromEntries(
    Object.keys(singleKeys).map((name) => [
      upperSnake(name),
      `local ${upperSnake(name)} = prefix .. '${inRedis(name)}'`,
    ]),
  ),
  ...Object.fromEntries(
    Object.keys(manyKeys).map((name) => [
      `${name}Key`,
      `local function ${name}Key(of) return prefix .. '${inRedis(name)}:' .. of end`,
    ]),
  ),
  refOf: "local function refOf(batch, id) return batch .. '/' .. id end",
  splitRef: [
    'local function splitRef(ref)',
    "  local slash = string.find(ref, '/', 1, true)",
    '  return string.sub(ref, 1, slash - 1), string.sub(ref, slash + 1)',
    'end',
  ].join('\n'),
  STATES: `local STATES = { ${itemStates.map((state) => `'${state}'`).join(', ')} }`,
  TRANSITIONS: `local TRANSITIONS = { ${itemStates.map((state) => `${state} = ${luaSet(transitions[state])}`).join(', ')} }`,
  IS_END: `local IS_END = ${luaSet(endStates)}`,
  HAS_CODE: `local HAS_CODE = ${luaSet(codedStates)}`,
  ...Object.fromEntries(
    Object.entries(reasons).map(([code, message]) => [`${code}_MESSAGE`, `local ${code}_MESSAGE = '${message}'`]),
  ),
  ...Object.fromEntries(
    Object.entries(constants).map(([name, value]) => [
      upperSnake(name),
      `local ${upperSnake(name)} = ${typeof value === 'string' ? `'${value}'` : value}`,
    ]),
  ),
};

function luaSet(names: readonly string[]): string {
  return `{ ${names.map((name) => `${name} = true`).join(', ')} }`;
}

function upperSnake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Returns the definitions that a script uses, as Lua to insert before it; unused ones would cost time. */
export function preludeFor(script: string): string {
  const used = Object.entries(definitions).filter(
    ([name]) => name === 'prefix' || new RegExp(`\\b${name}\\b`).test(script),
  );
  return used.map(([, lua]) => lua).join('\n');
}
