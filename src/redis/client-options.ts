import type { RedisOptions } from 'ioredis';

/** Options of one connection, without `replyMapping`: BullMQ and the ledger parse replies of the default shape. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;
