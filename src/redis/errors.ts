import { describeError, UserError } from '../core/errors.ts';

/** Explanations of Redis's error replies, by their first word; `cure` is an imperative sentence. */
const replies: Record<string, { meaning: string; cure: string }> = {
  OOM: {
    meaning: 'Redis is full (maxmemory): nothing is lost, and recorded work continues',
    cure: 'Raise maxmemory, or keep ended batches for a shorter time (CLIPMILL_RETENTION) with a worker running.',
  },
  NOAUTH: { meaning: 'Redis asks for a password', cure: 'Put it into REDIS_URL: redis://user:password@host:6379.' },
  WRONGPASS: {
    meaning: 'Redis refuses the user or the password of REDIS_URL',
    cure: 'Correct them; characters such as / ? % in them must be percent-encoded.',
  },
  NOPERM: {
    meaning: 'the user of REDIS_URL lacks an access right in Redis',
    cure: 'Give it the rights that docs/redis.md lists ("Access rights").',
  },
  MISCONF: {
    meaning: 'Redis refuses writes because it cannot save to its disk',
    cure: 'Free space on its disk, or correct the permissions there; see the log of Redis.',
  },
  NOREPLICAS: {
    meaning: 'Redis refuses writes because too few replicas are in sync (min-replicas-to-write)',
    cure: 'Bring the replicas back.',
  },
  READONLY: {
    meaning: 'this Redis is a replica, which accepts no writes',
    cure: 'Point REDIS_URL at the primary, or at the sentinels: redis+sentinel://host:26379/master-name.',
  },
  CLUSTERDOWN: { meaning: 'the Redis Cluster is down', cure: 'Bring enough of its masters back.' },
  MASTERDOWN: { meaning: 'this Redis is a replica that has lost its master', cure: 'Bring the master back.' },
  LOADING: { meaning: 'Redis is reading its data from disk', cure: 'Try again in a moment.' },
  BUSY: { meaning: 'Redis is busy with the script of another program', cure: 'Stop the script with SCRIPT KILL.' },
};

/** Returns the first word of a known error reply, such as `OOM`; `undefined` for any other error. */
function replyKind(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  // The error of a script has the reply of the failed command after other words.
  const word =
    /(?:^|: -?|\s-)(OOM|NOAUTH|WRONGPASS|NOPERM|MISCONF|NOREPLICAS|READONLY|CLUSTERDOWN|MASTERDOWN|LOADING|BUSY)\b/.exec(
      error.message,
    )?.[1];
  if (word) return word;
  if (/command not allowed when used memory > 'maxmemory'/.test(error.message)) return 'OOM';
  if (/can't run this command or subcommand|No permissions to access a key/i.test(error.message)) return 'NOPERM';
  return undefined;
}

/** Returns a UserError that explains an error reply of Redis and has a cure; returns any other error unchanged. */
export function explainRedisError(error: unknown): unknown {
  const kind = replyKind(error);
  const known = kind === undefined ? undefined : replies[kind];
  if (!known) return error;
  return new UserError(`${known.meaning} [${describeError(error)}]`, { cure: known.cure, cause: error });
}

/** Returns whether an error is a reply of the server. An outage is none: `watchOutages` reports it. */
export function isReply(error: Error): boolean {
  return error.name === 'ReplyError' || replyKind(error) !== undefined;
}

const passing: ReadonlySet<string> = new Set(['READONLY', 'CLUSTERDOWN', 'MASTERDOWN', 'LOADING', 'BUSY']);

/** Returns whether an error reply is transient, as during a fail-over or the start of a server. */
export function isPassingReply(error: Error): boolean {
  const kind = replyKind(error);
  return kind !== undefined ? passing.has(kind) : /\b(TRYAGAIN|MOVED|ASK|UNBLOCKED|NOSCRIPT)\b/.test(error.message);
}
