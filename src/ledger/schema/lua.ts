import { constants } from './constants.ts';
import { inRedis, manyKeys, singleKeys } from './keys.ts';
import { reasons } from './reasons.ts';
import { codedStates, endStates, itemStates, openStates, transitions } from './states.ts';

/**
 * The names of single keys and constants, with the Lua that replaces them. As locals they would be captured anew by
 * every function that uses them, each time a script runs: half of the cost of a script before its first command.
 */
const values = new Map([
  ...Object.keys(singleKeys).map((name) => [upperSnake(name), `(KEYS[1] .. '${inRedis(name)}')`] as const),
  ...Object.entries(reasons).map(([code, message]) => [`${code}_MESSAGE`, `'${message}'`] as const),
  ...Object.entries(constants).map(
    ([name, value]) => [upperSnake(name), typeof value === 'string' ? `'${value}'` : `${value}`] as const,
  ),
]);
const valueNames = /\b[A-Z][A-Z_]*\b/g;

/** The beginnings of calls such as `itemKey(ref)`, with the Lua that replaces them. */
const keyCalls = new Map(Object.keys(manyKeys).map((name) => [`${name}Key(`, `(KEYS[1] .. '${inRedis(name)}:' .. `]));
const keyCall = /\b\w+Key\(/g;

/** Lua definitions by name. */
const definitions: Readonly<Record<string, string>> = {
  refOf: "local function refOf(batch, id) return batch .. '/' .. id end",
  splitRef: [
    'local function splitRef(ref)',
    "  local slash = string.find(ref, '/', 1, true)",
    '  return string.sub(ref, 1, slash - 1), string.sub(ref, slash + 1)',
    'end',
  ].join('\n'),
  STATES: `local STATES = ${luaList(itemStates)}`,
  OPEN_STATES: `local OPEN_STATES = ${luaList(openStates)}`,
  // A table of tables would be built each time a script runs.
  mayMove: [
    'local function mayMove(from, to)',
    `  return string.find(' ${allTransitions().join(' ')} ', ' ' .. from .. '>' .. to .. ' ', 1, true) ~= nil`,
    'end',
  ].join('\n'),
  IS_END: `local IS_END = ${luaSet(endStates)}`,
  HAS_CODE: `local HAS_CODE = ${luaSet(codedStates)}`,
};

function allTransitions(): string[] {
  return itemStates.flatMap((from) => transitions[from].map((to) => `${from}>${to}`));
}

function luaList(names: readonly string[]): string {
  return `{ ${names.map((name) => `'${name}'`).join(', ')} }`;
}

function luaSet(names: readonly string[]): string {
  return `{ ${names.map((name) => `${name} = true`).join(', ')} }`;
}

function upperSnake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Returns a script with the values of the schema that it names, and before it the definitions that it uses. */
export function withSchema(script: string): string {
  const used = Object.entries(definitions).filter(([name]) => new RegExp(`\\b${name}\\b`).test(script));
  return [...used.map(([, lua]) => lua), script]
    .join('\n')
    .replaceAll(valueNames, (name) => values.get(name) ?? name)
    .replaceAll(keyCall, (call) => keyCalls.get(call) ?? call);
}
