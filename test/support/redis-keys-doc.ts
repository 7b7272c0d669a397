import { inRedis, manyKeys, singleKeys } from '../../src/ledger/schema/keys.ts';

const intro = `# Keys in Redis

Generated from \`src/ledger/schema/\` by \`npx vitest run test/integration/schema.test.ts -u\`.

All keys begin with \`{clipmill}:\` (CLIPMILL_PREFIX as a hash tag, so that a Redis Cluster keeps them in one slot). The scripts in
\`src/ledger/lua/\`, one script per file, read and write them; nothing else changes an item or the account. The queue \`submit\` (jobs named
\`generate\`) and the stream \`events\` are public; everything else may change with any version.

To read an item, the items in progress, the account and the last events with \`redis-cli\`:

\`\`\`
HGETALL {clipmill}:item:BATCH/ITEM
ZRANGE  {clipmill}:live 0 -1 WITHSCORES
HGETALL {clipmill}:account
XREVRANGE {clipmill}:events + - COUNT 10
\`\`\`

**Declared keys.** Each script declares only the prefix (\`KEYS[1]\`) and derives the other keys from it: the items and batches that it
touches depend on what it reads, such as the next batch of the fair-share queue, so no caller can list them in advance. All keys have the
hash tag of the prefix, so they are in the slot of the declared key, by which a Redis Cluster routes. Servers that lock only declared keys
(Dragonfly) need their option for undeclared keys (\`--default_lua_flags=allow-undeclared-keys\`).
`;

const outro = `
\`submit:*\`, \`poll:*\` and \`download:*\` belong to BullMQ, for the three queues.
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
    'Times are Unix milliseconds by the clock of Redis unless a field names another unit. Fields that do not apply are absent.',
    ...hashes,
    '',
  ].join('\n');
}
