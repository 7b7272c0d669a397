import { Closers } from './core/closers.ts';
import { systemClock, type Clock } from './core/clock.ts';
import { kling26 } from './apixo/models/kling-2-6.ts';
import type { Model } from './apixo/model.ts';
import type { Config } from './config/config.ts';
import { createAttempts, type Attempts } from './ledger/attempts.ts';
import { createAdmin, type Admin } from './ledger/admin.ts';
import { createInstallation, type Installation } from './ledger/installation.ts';
import { createIntake, type Intake } from './ledger/intake.ts';
import { createQueries, type Queries } from './ledger/queries.ts';
import { createAccount, type Account } from './ledger/account.ts';
import { createRequestBucket, type RequestBucket } from './ledger/request-token.ts';
import { describeError } from './core/errors.ts';
import type { Logger } from './core/log.ts';
import { Dispatcher } from './queue/dispatcher.ts';
import { createQueues, type Queues } from './queue/queues.ts';
import { awaitRedis } from './redis/await-ready.ts';
import { hidePassword, openRedis, watchOutages, type RedisClient } from './redis/connect.ts';
import { keysFor, type Keys } from './ledger/schema/keys.ts';
import { scriptRunner, type RunScript } from './ledger/scripts.ts';
import type { Finding } from './core/finding.ts';
import { preflightRedis } from './redis/preflight.ts';
import { deadlines } from './core/deadlines.ts';
import { endsWithin } from './core/timeouts.ts';

/** Everything that stands on Redis: what a command needs to look at batches and to change them. */
export interface App {
  config: Config;
  log: Logger;
  clock: Clock;
  model: Model;
  redis: RedisClient;
  keys: Keys;
  run: RunScript;
  installation: Installation;
  intake: Intake;
  attempts: Attempts;
  queries: Queries;
  admin: Admin;
  account: Account;
  requests: RequestBucket;
  queues: Queues;
  dispatcher: Dispatcher;
  /** Closes what was opened, last in, first out. */
  close(): Promise<void>;
}

export interface AppOptions {
  config: Config;
  log: Logger;
  redisUrl: string;
  /** Workers wait for a Redis that is away; commands fail after a few seconds. Default false. */
  patient?: boolean;
  clock?: Clock;
  /** Looks at Redis before anything is done on it, and hears of what is found wanting. Default: no look. */
  onRedisFinding?: ((finding: Finding) => void) | undefined;
}

/**
 * Connects to Redis and opens what stands on it.
 * @throws UserError when Redis is out of reach, or by `onRedisFinding` known to be unfit
 */
export async function openApp(options: AppOptions): Promise<App> {
  const { config, log, redisUrl } = options;
  const clock = options.clock ?? systemClock;
  const closers = new Closers();
  const keys = keysFor(config.prefix);
  const redis = openRedis(redisUrl, {
    name: 'clipmill',
    patient: options.patient ?? false,
    tls: { ca: config.redisCa, cert: config.redisCert, key: config.redisKey },
    slotKey: keys.prefix,
  });
  closers.push(() => redis.disconnect());
  try {
    await awaitRedis(redis, hidePassword(redisUrl));
    // Until it has answered once, being out of reach is the caller's error and no outage.
    logOutages(redis, log);
    if (options.onRedisFinding) await preflightRedis(redis, options.onRedisFinding);
  } catch (error) {
    await closers.close();
    throw error;
  }
  const run = scriptRunner(redis, keys.prefix);
  const queues = createQueues(redis, keys);
  closers.push(() => queues.close());
  const dispatcher = new Dispatcher(run, queues, log);
  closers.push(async () => void (await endsWithin(dispatcher.stop(), deadlines.lastReply)));
  return {
    config,
    log,
    clock,
    model: kling26,
    redis,
    keys,
    run,
    installation: createInstallation(redis, keys),
    intake: createIntake(run),
    attempts: createAttempts({ redis, keys, run, onDispatched: (given) => queues.submit(given) }),
    queries: createQueries(redis, keys),
    admin: createAdmin(run),
    account: createAccount(redis, keys, run),
    requests: createRequestBucket(run, clock),
    queues,
    dispatcher,
    close: () => closers.close(),
  };
}

/** Says every reason once in ten seconds, not with every attempt to reach Redis; and that it is back. */
function logOutages(redis: RedisClient, log: Logger): void {
  const saidAt = new Map<string, number>();
  watchOutages(redis, (error) => {
    const reason = describeError(error);
    if (performance.now() - (saidAt.get(reason) ?? -Infinity) < 10_000) return;
    saidAt.set(reason, performance.now());
    log.warn({ reason }, 'Redis is out of reach, trying on');
  });
  redis.on('ready', () => {
    if (saidAt.size > 0) log.info('Redis answers again');
    saidAt.clear();
  });
}
