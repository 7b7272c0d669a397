import { Closers } from './core/closers.ts';
import { systemClock, type Clock } from './core/clock.ts';
import { kling26 } from './apixo/models/kling-2-6.ts';
import type { Model } from './apixo/model.ts';
import type { Config } from './config/config.ts';
import { createAttempts, type Attempts } from './ledger/attempts.ts';
import { createAdoption, type Adoption } from './ledger/adoption.ts';
import { createAdmin, type Admin } from './ledger/admin.ts';
import { createInstallation, type Installation } from './ledger/installation.ts';
import { createIntake, type Intake } from './ledger/intake.ts';
import { createOrphans, type Orphans } from './ledger/orphans.ts';
import { createQueries, type Queries } from './ledger/queries.ts';
import { createAccount, type Account } from './ledger/account.ts';
import { Conditions } from './ledger/conditions.ts';
import { createRequestBucket, type RequestBucket } from './ledger/request-token.ts';
import { describeError } from './core/errors.ts';
import type { Logger } from './core/log.ts';
import { withoutPassword } from './core/redact.ts';
import { Dispatcher } from './queue/dispatcher.ts';
import { createQueues, type QueueName, type Queues } from './queue/queues.ts';
import { awaitRedis } from './redis/await-ready.ts';
import { openRedis, watchOutages, type RedisClient } from './redis/connect.ts';
import { keysFor, type Keys } from './ledger/schema/keys.ts';
import { scriptRunner, type RunScript } from './ledger/scripts.ts';
import type { Finding } from './core/finding.ts';
import { DEFAULT_HOME, locateRedis, type RedisUse } from './redis/locate.ts';
import { preflightRedis } from './redis/fitness.ts';
import { deadlines } from './core/shutdown.ts';
import { endsWithin } from './core/timeouts.ts';

/** Redis and everything built on it, for commands, workers and the library. */
export interface App {
  config: Config;
  /** Folder for what this process keeps on its disk. */
  home: string;
  /** The queues that this process works on. */
  roles: readonly QueueName[];
  log: Logger;
  clock: Clock;
  model: Model;
  redis: RedisClient;
  keys: Keys;
  run: RunScript;
  installation: Installation;
  intake: Intake;
  adoption: Adoption;
  orphans: Orphans;
  attempts: Attempts;
  queries: Queries;
  admin: Admin;
  account: Account;
  conditions: Conditions;
  requests: RequestBucket;
  queues: Queues;
  dispatcher: Dispatcher;
  /** Closes everything in reverse order of opening, a private Redis last. */
  close(): Promise<void>;
}

export interface AppOptions {
  log: Logger;
  /** The Redis to use when REDIS_URL is not set. Default `shared`: none. */
  redis?: RedisUse;
  /** Folder of a private Redis. Default `.clipmill`. */
  home?: string;
  /**
   * The queues that this process will work on. With any, the process waits until Redis is back; with
   * none, it fails after a few seconds. Default: none.
   */
  roles?: readonly QueueName[];
  /** Opens without waiting for Redis or checking it: until it answers, commands fail. Default false. */
  lazy?: boolean;
  clock?: Clock;
  /** Called with each shortcoming of Redis before it is used. Default: each is logged as a warning. */
  onFinding?: ((finding: Finding) => void) | undefined;
  /** Whether to check that Redis is fit for use. Default true; false for doctor, which reports it in full. */
  check?: boolean;
}

/**
 * Opens Redis, checks it, and opens everything that is built on it.
 * @throws UserError when there is no Redis, it cannot be reached, or it cannot be used
 */
export async function openApp(config: Config, options: AppOptions): Promise<App> {
  const { log, redis: use = 'shared', home = DEFAULT_HOME, roles = [], clock = systemClock, check = true } = options;
  const closers = new Closers();
  try {
    const server = await locateRedis(config, use, home);
    closers.push(() => server.stop());
    const keys = keysFor(config.prefix);
    const redis = openRedis(server.url, {
      name: 'clipmill',
      patient: roles.length > 0,
      tls: { ca: config.redisCa, cert: config.redisCert, key: config.redisKey },
      slotKey: keys.prefix,
    });
    closers.push(() => redis.disconnect());
    if (!options.lazy) await awaitRedis(redis, withoutPassword(server.url));
    // Before its first reply, an unreachable Redis is an error of the caller, not an outage.
    logOutages(redis, log);
    if (check && !options.lazy)
      await preflightRedis(redis, options.onFinding ?? ((finding) => logFinding(log, finding)));

    const run = scriptRunner(redis, keys.prefix);
    const queues = createQueues(redis, keys);
    closers.push(() => queues.close());
    const dispatcher = new Dispatcher(run, queues, log);
    closers.push(async () => void (await endsWithin(dispatcher.stop(), deadlines.lastReply)));
    return {
      config,
      home,
      roles,
      log,
      clock,
      model: kling26,
      redis,
      keys,
      run,
      installation: createInstallation(redis, keys),
      intake: createIntake(run),
      adoption: createAdoption(run),
      orphans: createOrphans(redis, keys, run),
      attempts: createAttempts({ redis, keys, run, onDispatched: (given) => queues.submit(given) }),
      queries: createQueries(redis, keys),
      admin: createAdmin(run),
      account: createAccount(redis, keys, run),
      conditions: new Conditions(redis, keys, log),
      requests: createRequestBucket(run, clock),
      queues,
      dispatcher,
      close: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

function logFinding(log: Logger, { subject, found, cure }: Finding): void {
  log.warn({ check: subject, cure }, `Redis: ${found}`);
}

/** Logs each reason of an outage at most once in ten seconds, not with every attempt to reconnect, and its end. */
function logOutages(redis: RedisClient, log: Logger): void {
  const loggedAt = new Map<string, number>();
  watchOutages(redis, (error) => {
    const reason = describeError(error);
    if (performance.now() - (loggedAt.get(reason) ?? -Infinity) < 10_000) return;
    loggedAt.set(reason, performance.now());
    log.warn({ reason }, 'Redis is unreachable, reconnecting');
  });
  redis.on('ready', () => {
    if (loggedAt.size > 0) log.info('Redis answers again');
    loggedAt.clear();
  });
}
