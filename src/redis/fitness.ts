import { UserError } from '../core/errors.ts';
import { fail, ok, warn, type Finding } from '../core/finding.ts';
import { formatBytes } from '../core/format.ts';
import type { RedisClient } from './connect.ts';
import { atLeast, readRedisFacts, type RedisFacts } from './facts.ts';

/** Oldest supported version: `XADD … MINID`, `LPOP` with a count and BullMQ's `ZADD … GT` need it. */
export const MIN_REDIS = [6, 2] as const;

/** Share of maxmemory from which on a warning is given, before writes fail. */
const NEARLY_FULL = 0.8;

/** Checks whether clipmill can work on a server, and whether the server keeps its data. */
export function judgeRedis(facts: RedisFacts): Finding[] {
  if (facts.infoDenied) {
    const cure = 'ACL SETUSER its-name +info; docs/redis.md lists the rights that clipmill needs.';
    return [fail('rights', 'its user may not run INFO: version, durability, eviction and memory are unknown', cure)];
  }
  return [judgeServer(facts), judgeAppendOnly(facts), judgeDisk(facts), judgeEviction(facts), judgeMemory(facts)];
}

/** Returns why clipmill cannot work on a server; `undefined` when it can. */
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
      `Make sure that it is Redis ${MIN_REDIS.join('.')} or newer.`,
    );
  }
  if (isOlder(version)) {
    return fail(
      subject,
      `${product} ${version} is too old`,
      `Install Redis ${MIN_REDIS.join('.')} or newer, or Valkey: clipmill uses commands that older versions lack.`,
    );
  }
  if (replica) {
    return fail(
      subject,
      `${product} ${version} is a replica, which accepts no writes`,
      'Point REDIS_URL at the primary, or at the sentinels: redis+sentinel://host:26379/master-name.',
    );
  }
  const copies = replicas > 0 ? `, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}` : '';
  return ok(subject, `${product} ${version}${clusterMode ? ', part of a cluster' : ''}${copies}`);
}

export function isOlder(version: string): boolean {
  return !atLeast(version, MIN_REDIS);
}

function judgeAppendOnly({ aof, fsync, replicas }: RedisFacts): Finding {
  const subject = 'durability';
  const turnOn = 'CONFIG SET appendonly yes, and `appendonly yes` in redis.conf.';
  if (aof === undefined) {
    return warn(
      subject,
      'it does not report whether it writes an append-only file',
      'Ask its operator: a clip whose record is lost in a crash may be paid for twice.',
    );
  }
  if (!aof && replicas > 0) {
    return warn(
      subject,
      'the append-only file is off: if the replicas fail with it, all writes since the last snapshot are lost',
      turnOn,
    );
  }
  if (!aof) {
    return fail(
      subject,
      'the append-only file is off: a crash loses all writes since the last snapshot, and clips are paid for twice',
      turnOn,
    );
  }
  if (fsync === 'no') {
    return warn(
      subject,
      'append-only file, flushed by the operating system (appendfsync no): a power failure loses up to half a minute',
      'CONFIG SET appendfsync everysec, and the same in redis.conf.',
    );
  }
  if (fsync === 'always') return ok(subject, 'append-only file, flushed with every write');
  if (fsync === 'everysec') return ok(subject, 'append-only file, flushed every second');
  return warn(
    subject,
    'append-only file, but it does not report how often that is flushed (appendfsync)',
    'Make sure that appendfsync is everysec or always.',
  );
}

function judgeDisk({ failedDiskWrites }: RedisFacts): Finding {
  if (failedDiskWrites.length === 0) return ok('disk', 'the last writes succeeded');
  return fail(
    'disk',
    `the last try failed: ${failedDiskWrites.join(', ')}`,
    'Check the free space and the permissions on the disk of Redis, and its log: it may refuse writes until this succeeds.',
  );
}

function judgeEviction({ evictionPolicy }: RedisFacts): Finding {
  const subject = 'eviction';
  const set = 'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf.';
  if (evictionPolicy === undefined) {
    return warn(
      subject,
      'it does not report its maxmemory-policy',
      'Make sure that it is noeviction: an evicted key may be a task that was paid for.',
    );
  }
  if (evictionPolicy === 'noeviction') return ok(subject, 'none (noeviction)');
  if (evictionPolicy.startsWith('volatile-')) {
    return warn(subject, `${evictionPolicy}: locks of running jobs may be evicted when memory is full`, set);
  }
  return fail(subject, `${evictionPolicy}: tasks that were paid for may be evicted when memory is full`, set);
}

function judgeMemory({ usedBytes, maxBytes }: RedisFacts): Finding {
  const subject = 'memory';
  if (usedBytes === undefined || maxBytes === undefined) {
    return warn(
      subject,
      'it does not report its memory limit',
      'Monitor its memory: an item takes about 1 kB until its batch is purged.',
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
 * Checks the Redis of REDIS_URL before work begins, and reports every finding that is not ok.
 * @throws UserError when clipmill cannot work on it
 */
export async function preflightRedis(redis: RedisClient, report: (finding: Finding) => void): Promise<void> {
  const facts = await readRedisFacts(redis);
  const fault = impossible(facts);
  if (fault) {
    throw new UserError(`this Redis cannot be used: ${fault.found}`, { ...(fault.cure && { cure: fault.cure }) });
  }
  for (const finding of judgeRedis(facts)) if (finding.level !== 'ok') report(finding);
}
