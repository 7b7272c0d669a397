import type { RedisOptions } from 'ioredis';

/** Options of one connection. Its `replyMapping` is always the default: BullMQ and the ledger parse those shapes. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;
