import { z } from 'zod';
import {
  addressRanges,
  baseUrl,
  byteSize,
  duration,
  listenAddress,
  positiveDuration,
  redisUrl,
  secretPair,
  storageTarget,
  url,
  wholeNumber,
} from './values.ts';

/** One setting: its name in the environment, its valid values, and its default. */
export interface Setting {
  env: string;
  value: z.ZodType<unknown, string>;
  /** As written in the environment. A setting without a default is optional. */
  default?: string;
  /** The part that is never printed: the whole value, or the password in a URL. */
  secret?: 'all' | 'password';
  about: string;
}

/** Refuses a name that is reserved for a later version, because ignoring a setting would mislead the user. */
const notYet = z.string().refine(() => false, 'is not supported by this version: unset it');

/**
 * Every setting of clipmill. The environment is read only through this table, and `clipmill config` prints it, so
 * documentation and behaviour cannot differ.
 */
export const settings = {
  apiKey: {
    env: 'APIXO_API_KEY',
    value: z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces'),
    secret: 'all',
    about: 'key of the APIXO account; required unless APIXO_BASE_URL is on loopback',
  },
  acceptKey: {
    env: 'CLIPMILL_ACCEPT_KEY',
    value: z
      .string()
      .regex(/^[\da-f]{16}$/, 'must be the 16 digits of a fingerprint, as the refusal of a key prints it'),
    about: 'fingerprint of a new key of the same account, for a prefix that was used with another key',
  },
  baseUrl: {
    env: 'APIXO_BASE_URL',
    value: url('https:', 'http:'),
    default: 'https://api.apixo.ai',
    secret: 'password',
    about: 'URL of the API',
  },
  allowHttp: {
    env: 'CLIPMILL_ALLOW_HTTP',
    value: z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1'),
    default: 'false',
    about: 'true to allow an APIXO_BASE_URL with http:// outside this network, which sends the API key unencrypted',
  },
  redisUrl: {
    env: 'REDIS_URL',
    value: redisUrl,
    secret: 'password',
    about: 'Redis that all processes share; without it `run` starts a private one in .clipmill/',
  },
  redisCa: {
    env: 'CLIPMILL_REDIS_CA',
    value: z.string(),
    about: 'file of CA certificates (PEM) to verify Redis and its sentinels; default: those of Node.js',
  },
  redisCert: {
    env: 'CLIPMILL_REDIS_CERT',
    value: z.string(),
    about: 'file of a client certificate (PEM), if Redis requires one',
  },
  redisKey: {
    env: 'CLIPMILL_REDIS_KEY',
    value: z.string(),
    about: 'file of the key of that certificate (PEM)',
  },
  durability: {
    env: 'CLIPMILL_DURABILITY',
    value: z.enum(['auto', 'replica', 'disk', 'memory']),
    default: 'auto',
    about:
      'witness that acknowledges the record of a submission before it is sent: auto, replica, disk or memory; see docs/durability.md',
  },
  prefix: {
    env: 'CLIPMILL_PREFIX',
    value: z.string().regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'must be 1 to 64 letters, digits, ".", "_" or "-"'),
    default: 'clipmill',
    about: 'prefix of every key in Redis, as the hash tag {prefix}; one prefix is one account',
  },
  storage: {
    env: 'CLIPMILL_STORAGE',
    value: storageTarget,
    default: 'file:./videos',
    secret: 'password',
    about: 'where clips go: file:FOLDER or s3://BUCKET/PREFIX',
  },
  s3Endpoint: {
    env: 'S3_ENDPOINT',
    value: url('https:', 'http:'),
    secret: 'password',
    about: 'URL of an S3-compatible service other than AWS',
  },
  s3ForcePathStyle: {
    env: 'S3_FORCE_PATH_STYLE',
    value: z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1'),
    default: 'false',
    about: 'true for services without buckets as host names (MinIO, Ceph, Swift)',
  },
  awsRegion: {
    env: 'AWS_REGION',
    value: z.string().regex(/^[\w-]+$/, 'must be a name such as eu-central-1'),
    about: 'region of the bucket; default: that of the AWS configuration; with S3_ENDPOINT auto (R2) or us-east-1',
  },
  awsAccessKeyId: {
    env: 'AWS_ACCESS_KEY_ID',
    value: z.string(),
    secret: 'all',
    about: 'access key for S3; default: the standard AWS chain (profile, role)',
  },
  awsSecretAccessKey: {
    env: 'AWS_SECRET_ACCESS_KEY',
    value: z.string(),
    secret: 'all',
    about: 'secret of the access key',
  },
  awsSessionToken: {
    env: 'AWS_SESSION_TOKEN',
    value: z.string(),
    secret: 'all',
    about: 'token of temporary credentials',
  },
  sidecar: {
    env: 'CLIPMILL_SIDECAR',
    value: z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1'),
    default: 'false',
    about: 'true to store NAME.json, with the manifest line of the clip, next to every clip',
  },
  maxTasks: {
    env: 'CLIPMILL_MAX_TASKS',
    value: wholeNumber(1, 100_000),
    default: '1000',
    about: 'maximum number of tasks in flight, over all processes',
  },
  maxRequests: {
    env: 'CLIPMILL_MAX_REQUESTS',
    value: wholeNumber(1, 1_000_000),
    default: '10000',
    about: 'maximum number of API requests in any window, over all processes',
  },
  requestWindowMs: {
    env: 'CLIPMILL_REQUEST_WINDOW',
    value: positiveDuration,
    default: '60s',
    about: 'the window of CLIPMILL_MAX_REQUESTS',
  },
  pollDelayMs: {
    env: 'CLIPMILL_POLL_DELAY',
    value: duration,
    default: '50s',
    about: 'time from the submission of a task to its first poll',
  },
  pollIntervalMs: {
    env: 'CLIPMILL_POLL_INTERVAL',
    value: positiveDuration,
    default: '5s',
    about: 'time between two polls of a task',
  },
  polling: {
    env: 'CLIPMILL_POLLING',
    value: z.enum(['fixed', 'adaptive']),
    default: 'fixed',
    about: 'fixed, or adaptive: learns how long tasks take, and uses spare requests for earlier polls',
  },
  taskTimeoutMs: {
    env: 'CLIPMILL_TASK_TIMEOUT',
    value: positiveDuration,
    default: '30m',
    about: 'time after which the item of an unfinished task is held',
  },
  submitTimeoutMs: {
    env: 'CLIPMILL_SUBMIT_TIMEOUT',
    value: positiveDuration,
    default: '3m',
    about: 'longest wait for the answer to a submission; an aborted one may still be billed',
  },
  maxAttempts: {
    env: 'CLIPMILL_MAX_ATTEMPTS',
    value: wholeNumber(1, 100),
    default: '3',
    about: 'maximum number of tasks for an item whose tasks fail for a temporary reason',
  },
  onAmbiguous: {
    env: 'CLIPMILL_ON_AMBIGUOUS',
    value: z.enum(['hold', 'resubmit']),
    default: 'hold',
    about: 'action for an item whose submission may have been accepted: hold or resubmit',
  },
  callbackUrl: {
    env: 'CLIPMILL_CALLBACK_URL',
    value: baseUrl('https:', 'http:'),
    about: 'public https URL at which the API reports the ends of tasks; without it tasks are polled',
  },
  callbackListen: {
    env: 'CLIPMILL_CALLBACK_LISTEN',
    value: listenAddress,
    about: 'HOST:PORT of a listener for callbacks alone, in serve, run and work',
  },
  callbackSecrets: {
    env: 'CLIPMILL_CALLBACK_SECRET',
    value: secretPair,
    secret: 'all',
    about: 'secret that signs callback URLs; NEW,OLD during a rotation; default: generated and kept in Redis',
  },
  listen: {
    env: 'CLIPMILL_LISTEN',
    value: listenAddress,
    about: 'HOST:PORT of the server; default: 127.0.0.1:7878 for serve, no server for run and work',
  },
  publicUrl: {
    env: 'CLIPMILL_PUBLIC_URL',
    value: baseUrl('https:', 'http:'),
    about: 'public URL of CLIPMILL_LISTEN behind a proxy; requests for other hosts are refused',
  },
  metricsListen: {
    env: 'CLIPMILL_METRICS_LISTEN',
    value: listenAddress,
    about: 'HOST:PORT of the /metrics, /healthz and /readyz of a worker',
  },
  downloads: {
    env: 'CLIPMILL_DOWNLOADS',
    value: wholeNumber(1, 1_000),
    default: '16',
    about: 'concurrent downloads per process',
  },
  maxClipBytes: {
    env: 'CLIPMILL_MAX_CLIP_BYTES',
    value: byteSize,
    default: '2GiB',
    about: 'maximum size of a clip, by default 100 times a large one; a larger result is held, not stored',
  },
  allowAddresses: {
    env: 'CLIPMILL_ALLOW_ADDRESSES',
    value: addressRanges,
    default: 'none',
    about:
      'address ranges that clips may be fetched from in addition to public ones, such as 198.18.0.0/15 for fake-IP DNS',
  },
  maxItems: {
    env: 'CLIPMILL_MAX_ITEMS',
    value: wholeNumber(1, 10_000_000),
    default: '1000000',
    about:
      'maximum number of clips in a file or a call; the default takes 17 hours with 1,000 slots, and 1.3 GB of Redis memory',
  },
  retentionMs: {
    env: 'CLIPMILL_RETENTION',
    value: positiveDuration,
    default: '30d',
    about: 'how long ended batches and events stay in Redis',
  },
  apiToken: {
    env: 'CLIPMILL_API_TOKEN',
    value: z.string().regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 printable ASCII characters without spaces'),
    secret: 'all',
    about: 'bearer token for /metrics; required where CLIPMILL_LISTEN is not on loopback',
  },
  notifyUrl: {
    env: 'CLIPMILL_NOTIFY_URL',
    value: notYet,
    secret: 'all',
    about: 'URL to notify of the end of a batch; not supported yet, and refused',
  },
  logLevel: {
    env: 'CLIPMILL_LOG_LEVEL',
    value: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    default: 'info',
    about: 'lowest level that is logged: trace, debug, info, warn, error or silent',
  },
} satisfies Record<string, Setting>;
