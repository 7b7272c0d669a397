import { UserError } from '../core/errors.ts';
import { fail, ok, warn, type Finding } from '../core/finding.ts';
import { formatBytes } from '../core/format.ts';
import type { RedisClient } from './connect.ts';
import { atLeast, readRedisFacts, type RedisFacts } from './facts.ts';

/** `XADD … MINID`, `LPOP` with a count and BullMQ's `ZADD … GT` came with it. */
export const LEAST_REDIS = [6, 2] as const;

/** Above this share of its memory it is time to act, before writes fail. */
const NEARLY_FULL = 0.8;

/** Judges one server: whether it works at all, and whether it keeps what is written. */
export function judgeRedis(facts: RedisFacts): Finding[] {
  if (facts.infoDenied) {
    const cure = 'ACL SETUSER its-name +info; docs/redis.md lists the least rights.';
    return [fail('rights', 'its user may not run INFO: version, durability, eviction and memory are unknown', cure)];
  }
  return [judgeServer(facts), judgeAppendOnly(facts), judgeDisk(facts), judgeEviction(facts), judgeMemory(facts)];
}

/** Why clipmill cannot work on this server at all; `undefined` when it can. */
export function impossible(facts: RedisFacts): Finding | undefined {
  const finding = judgeServer(facts);
  return finding.level === 'fail' ? finding : undefined;
}

function judgeServer({ product, version, replica, replicas, clusterMode }: RedisFacts): Finding {
  const subject = 'server';
  if (version === undefined) {
    return warn(
      subject,
      'it does not report its version',
      `Make sure that it is Redis ${LEAST_REDIS.join('.')} or newer.`,
    );
  }
  if (isOlder(version)) {
    return fail(
      subject,
      `${product} ${version} is too old`,
      `Install Redis ${LEAST_REDIS.join('.')} or newer, or Valkey: clipmill uses commands that came with it.`,
    );
  }
  if (replica) {
    return fail(
      subject,
      `${product} ${version} is a replica, which takes no writes`,
      'Point REDIS_URL at the primary, or at the sentinels: redis+sentinel://host:26379/master-name.',
    );
  }
  const copies = replicas > 0 ? `, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}` : '';
  return ok(subject, `${product} ${version}${clusterMode ? ', part of a cluster' : ''}${copies}`);
}

export function isOlder(version: string): boolean {
  return !atLeast(version, LEAST_REDIS);
}

function judgeAppendOnly({ aof, fsync, replicas }: RedisFacts): Finding {
  const subject = 'durability';
  const turnOn = 'CONFIG SET appendonly yes, and `appendonly yes` in redis.conf.';
  if (aof === undefined) {
    return warn(
      subject,
      'it does not report whether it writes an append-only file',
      'Ask its operator: what a crash forgets may be paid for twice.',
    );
  }
  if (!aof && replicas > 0) {
    return warn(
      subject,
      'the append-only file is off: if the replicas end with it, all since the last snapshot is forgotten',
      turnOn,
    );
  }
  if (!aof) {
    return fail(
      subject,
      'the append-only file is off: a crash forgets all since the last snapshot, and clips are paid for twice',
      turnOn,
    );
  }
  if (fsync === 'no') {
    return warn(
      subject,
      'append-only file, written when the system likes (appendfsync no): a power cut forgets half a minute',
      'CONFIG SET appendfsync everysec, and the same in redis.conf.',
    );
  }
  if (fsync === 'always') return ok(subject, 'append-only file, flushed with every write');
  if (fsync === 'everysec') return ok(subject, 'append-only file, flushed every second');
  return warn(
    subject,
    'append-only file, but how often it is flushed cannot be asked',
    'Make sure that appendfsync is everysec or always.',
  );
}

function judgeDisk({ diskTroubles }: RedisFacts): Finding {
  if (diskTroubles.length === 0) return ok('disk', 'the last writes succeeded');
  return fail(
    'disk',
    `failed at its last try: ${diskTroubles.join(', ')}`,
    'Check space and rights on the disk of Redis, and its log: it may refuse writes until then.',
  );
}

function judgeEviction({ evictionPolicy }: RedisFacts): Finding {
  const subject = 'eviction';
  const set = 'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf.';
  if (evictionPolicy === undefined) {
    return warn(
      subject,
      'it does not report its maxmemory-policy',
      'Make sure that it is noeviction: what is evicted is forgotten, and was paid for.',
    );
  }
  if (evictionPolicy === 'noeviction') return ok(subject, 'none (noeviction)');
  if (evictionPolicy.startsWith('volatile-')) {
    return warn(subject, `${evictionPolicy}: locks of running jobs may be thrown away when memory is short`, set);
  }
  return fail(subject, `${evictionPolicy}: tasks that were paid for are forgotten when memory is short`, set);
}

function judgeMemory({ usedBytes, maxBytes }: RedisFacts): Finding {
  const subject = 'memory';
  if (usedBytes === undefined || maxBytes === undefined) {
    return warn(
      subject,
      'it does not report how much memory it may use',
      'Watch it elsewhere: an item takes about 1 kB until its batch is purged.',
    );
  }
  if (maxBytes === 0) return ok(subject, `${formatBytes(usedBytes)} used, no limit set`);
  const found = `${formatBytes(usedBytes)} of ${formatBytes(maxBytes)} used`;
  if (usedBytes < NEARLY_FULL * maxBytes) return ok(subject, found);
  return warn(
    subject,
    `${found}: when it is full, writes fail`,
    'Raise maxmemory, or keep ended batches for a shorter time: CLIPMILL_RETENTION.',
  );
}

/**
 * Checks a Redis of the user's own before work begins on it, and reports what falls short.
 * @throws UserError when no work is possible on it
 */
export async function preflightRedis(redis: RedisClient, report: (finding: Finding) => void): Promise<void> {
  const facts = await readRedisFacts(redis);
  const fault = impossible(facts);
  if (fault) {
    throw new UserError(`this Redis cannot be used: ${fault.found}`, { ...(fault.cure && { cure: fault.cure }) });
  }
  for (const finding of judgeRedis(facts)) if (finding.level !== 'ok') report(finding);
}
