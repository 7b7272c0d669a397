import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApixoClient } from '../apixo/client.ts';
import { Closers } from '../core/closers.ts';
import { accountSecret, requireApiKey, secretsOf, type Config } from '../config/config.ts';
import { isLoopback } from '../config/values.ts';
import { describeError, UserError } from '../core/errors.ts';
import { limitsInForce, publishLimits, readUsage } from '../ledger/limits.ts';
import { silentLogger } from '../core/log.ts';
import { scrubber, withoutPassword } from '../core/redact.ts';
import {
  installedServer,
  joinEmbeddedRedis,
  startEmbeddedRedis,
  type EmbeddedRedis,
} from '../redis/embedded/server.ts';
import { AcknowledgementPolicy } from '../redis/durability/acknowledgement-policy.ts';
import { redisTime } from '../redis/time.ts';
import { openStorage } from '../storage/open-storage.ts';
import { openApp, type App } from '../app.ts';
import { checkAccount } from './account-check.ts';
import { judgeInstallation, judgeLimits, judgeSubmission } from './shared-state.ts';
import { checkCallbacks, type OpenCallbackListener } from './callbacks-check.ts';
import { judgeClock, skewOf } from './clock-check.ts';
import { fail, ok, warn, type Finding } from '../core/finding.ts';
import { impossible, isOlder, judgeRedis, MIN_REDIS } from '../redis/fitness.ts';
import { judgeVulnerabilities } from '../redis/vulnerabilities.ts';
import { readRedisFacts } from '../redis/facts.ts';

/** Time limit for connecting to the API, and for its answer, in milliseconds. */
const API_TIMEOUT_MS = 10_000;

/**
 * Checks everything that clipmill depends on, and yields each finding as it is made. A check that cannot run is a
 * finding too: no UserError is thrown.
 * @param home folder of the private Redis of `run`, used if REDIS_URL is not set
 * @param openListener listens for the callback of the check
 */
export async function* diagnose(
  config: Config,
  home: string,
  openListener: OpenCallbackListener,
): AsyncGenerator<Finding> {
  const closers = new Closers();
  const scrub = scrubber(secretsOf(config));
  try {
    for await (const finding of examine(config, home, openListener, closers))
      yield { ...finding, found: scrub(finding.found) };
  } finally {
    await closers.close();
  }
}

async function* examine(
  config: Config,
  home: string,
  openListener: OpenCallbackListener,
  closers: Closers,
): AsyncGenerator<Finding> {
  const app = yield* reachRedis(config, home, closers);
  const fit = app && (yield* examineRedis(config, app));
  yield* await examineStorage(config, fit ? app : undefined);
  yield* examineAccount(config, fit ? app : undefined, closers);
  if (app && fit) yield* await checkCallbacks(app, openListener);
}

async function* reachRedis(config: Config, home: string, closers: Closers): AsyncGenerator<Finding, App | undefined> {
  try {
    const redis = config.redisUrl ? undefined : yield* privateRedis(home, closers);
    const redisUrl = config.redisUrl ?? redis?.url ?? '';
    const started = performance.now();
    const app = await openApp({ ...config, redisUrl }, { log: silentLogger(), check: false });
    closers.push(() => app.close());
    const tookMs = Math.ceil(performance.now() - started);
    if (config.redisUrl) yield ok('redis', `answers at ${withoutPassword(redisUrl)}, connected in ${tookMs} ms`);
    return app;
  } catch (error) {
    yield failure('redis', error);
    return undefined;
  }
}

/** Joins the private Redis of this folder, or starts a temporary one to check that Redis starts. */
async function* privateRedis(home: string, closers: Closers): AsyncGenerator<Finding, EmbeddedRedis> {
  const { path, version } = await installedServer();
  const cure = `Install Redis ${MIN_REDIS.join('.')} or newer, or set REDIS_URL.`;
  if (version !== undefined && isOlder(version)) yield fail('redis', `${path} is ${version}, which is too old`, cure);
  const joined = await joinEmbeddedRedis(home);
  const redis = joined ?? (await temporaryRedis(closers));
  closers.push(() => redis.stop());
  yield ok('redis', `REDIS_URL is not set: \`run\` uses ${joined ? `the one in ${home}/` : `a private one, ${path}`}`);
  return redis;
}

async function temporaryRedis(closers: Closers): Promise<EmbeddedRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-doctor-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return await startEmbeddedRedis(folder);
}

/** @returns whether Redis supports what clipmill needs */
async function* examineRedis(config: Config, app: App): AsyncGenerator<Finding, boolean> {
  const { redis, keys, run, account } = app;
  try {
    const facts = await readRedisFacts(redis);
    yield* judgeRedis(facts);
    // Only this user can reach a private server.
    if (config.redisUrl) yield* judgeVulnerabilities(facts);
    yield await examineWitness(config, app);
    yield await compareClocks(app);
    const inForce = await limitsInForce(redis, keys);
    yield judgeLimits(config, inForce, await readUsage(run, config));
    yield judgeSubmission(await account.read());
    // The request to the API needs a token, and the bucket needs limits.
    if (!inForce) await publishLimits(run, config);
    return impossible(facts) === undefined;
  } catch (error) {
    const cure = 'Allow its user every command, including scripts (EVALSHA, EVAL), on the keys of CLIPMILL_PREFIX.';
    yield fail('redis', `does not support what clipmill needs: ${describeError(error)}`, cure);
    return false;
  }
}

/** Checks which witness acknowledges the record of a submission before it is sent. */
async function examineWitness(config: Config, { redis, log }: App): Promise<Finding> {
  const subject = 'witness';
  const policy = new AcknowledgementPolicy(redis, config.durability, log);
  try {
    const { kind, text } = await policy.current();
    const found = `a submission is sent once its record is acknowledged by ${text}`;
    if (kind === 'impossible')
      return fail(subject, found, 'See docs/durability.md, or set CLIPMILL_DURABILITY to auto.');
    if (kind !== 'memory' || config.durability === 'memory') return ok(subject, found);
    return warn(subject, found, 'Add a replica, or CONFIG SET appendfsync always; see docs/durability.md.');
  } catch (error) {
    const cure =
      'Nothing is submitted until they are: see docs/durability.md, and docs/redis.md for permissions (ROLE, WAIT).';
    return fail(subject, `records are not acknowledged: ${describeError(error)}`, cure);
  } finally {
    policy.close();
  }
}

async function compareClocks({ redis, clock }: App): Promise<Finding> {
  const { skewMs, precisionMs } = await skewOf(() => redisTime(redis), clock);
  return judgeClock('Redis', skewMs, precisionMs);
}

async function examineStorage(config: Config, app: App | undefined): Promise<Finding[]> {
  try {
    const storage = openStorage(config);
    try {
      await storage.check();
      const place = storage.locate('');
      const hasKey = config.apiKey !== undefined || isLoopback(config.baseUrl);
      const remembered = app && hasKey ? await judgeInstallation(app.installation, accountSecret(config), place) : [];
      return [ok('storage', `a probe was written and removed: ${place}`), ...remembered];
    } finally {
      await storage.close();
    }
  } catch (error) {
    return [failure('storage', error)];
  }
}

async function* examineAccount(config: Config, app: App | undefined, closers: Closers): AsyncGenerator<Finding> {
  try {
    const apiKey = requireApiKey(config);
    if (!app) {
      yield warn('key', 'not checked: every request must be counted in Redis', 'Fix Redis first.');
      return;
    }
    const api = createApixoClient({
      baseUrl: config.baseUrl,
      apiKey,
      connectTimeoutMs: API_TIMEOUT_MS,
      answerTimeoutMs: API_TIMEOUT_MS,
      connections: 1,
    });
    closers.push(() => api.close());
    yield* await checkAccount({ api, requests: app.requests, clock: app.clock });
  } catch (error) {
    yield failure('key', error);
  }
}

/** Returns a UserError as a finding, and throws any other error, which is a bug in clipmill. */
function failure(subject: string, error: unknown): Finding {
  if (!(error instanceof UserError)) throw error;
  return fail(subject, error.message, error.cure ?? 'See docs/operations.md.');
}
