import { inRedis, manyKeys, singleKeys } from '../../src/ledger/schema/keys.ts';

const intro = `# Keys in Redis

Generated from \`src/ledger/schema/\` by \`npx vitest run test/integration/schema.test.ts -u\`.

All keys are under \`{clipmill}:\` (CLIPMILL_PREFIX as a hash tag, so that a Redis Cluster keeps them in one slot). The scripts
that read and write them are \`src/ledger/lua/\`, one verb a file; nothing else changes an item or the account. The queue
\`submit\` (jobs named \`generate\`) and the stream \`events\` are public; the rest may change with any version.

To read an item, what is under way, and the account, with \`redis-cli\`:

\`\`\`
HGETALL {clipmill}:item:BATCH/ITEM
ZRANGE  {clipmill}:live 0 -1 WITHSCORES
HGETALL {clipmill}:account
XREVRANGE {clipmill}:events + - COUNT 10
\`\`\`

**Declared keys.** The scripts declare one key, the prefix (\`KEYS[1]\`), and build the others from it: which items and batches a
script touches follows from what it reads (the batch whose turn it is, say), so no caller can list them beforehand. All of
them have the hash tag of the prefix, so they are in the slot of the declared key, which is what a Redis Cluster routes by.
Servers that lock declared keys alone (Dragonfly) need their switch for undeclared keys (\`--default_lua_flags=allow-undeclared-keys\`).
`;

const outro = `
\`submit:*\`, \`poll:*\` and \`download:*\` are BullMQ's own, for the three queues.
`;

/** `docs/redis-keys.md` as the schema has it. */
export function redisKeysDoc(): string {
  const specs = [
    ...Object.entries(singleKeys).map(([name, spec]) => ({ key: inRedis(name), spec })),
    ...Object.entries(manyKeys).map(([name, spec]) => ({ key: `${inRedis(name)}:${spec.of}`, spec })),
  ];
  const rows = specs.map(({ key, spec }) => `| \`${key}\` | ${spec.type} | ${spec.about} |`);
  const hashes = specs.flatMap(({ key, spec }) => {
    if (!('fields' in spec)) return [];
    const fields = Object.entries(spec.fields).map(([field, about]) => `| \`${field}\` | ${about} |`);
    return [`\n## \`${key}\`\n`, '| field | holds |', '| --- | --- |', ...fields];
  });
  return [
    intro,
    '| key | type | holds |',
    '| --- | --- | --- |',
    ...rows,
    outro,
    'Times are Unix milliseconds of the clock of Redis unless a field names another unit. A field that does not apply is absent.',
    ...hashes,
    '',
  ].join('\n');
}
