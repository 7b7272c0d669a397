import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Keys } from '../ledger/schema/keys.ts';
import type { RedisClient } from '../redis/connect.ts';

interface SecretDeps {
  redis: Pick<RedisClient, 'get' | 'set' | 'on' | 'off'>;
  keys: Pick<Keys, 'callbackSecret'>;
  config: Pick<Config, 'callbackSecrets'>;
}

/**
 * Holds the secrets of callback URLs: those of CLIPMILL_CALLBACK_SECRET, or a generated one that all processes share
 * in Redis. Access to that Redis is access to everything, so the secret would not be safer elsewhere.
 */
export class CallbackSecrets {
  readonly #deps: SecretDeps;
  #known: readonly string[] | undefined;
  readonly #onReady = () => void this.read().catch(() => {});

  constructor(deps: SecretDeps) {
    this.#deps = deps;
    this.#known = deps.config.callbackSecrets;
    // After a reconnect, Redis may have lost its data or be another server: it has another secret then.
    if (!this.#known) deps.redis.on('ready', this.#onReady);
  }

  /** Returns the secrets, of which the first signs and all are accepted; `undefined` until they are read from Redis. */
  current(): readonly string[] | undefined {
    return this.#known;
  }

  /** Reads the secret from Redis, and generates it if there is none. Rejects if Redis does not answer. */
  async read(): Promise<readonly string[]> {
    const { redis, keys, config } = this.#deps;
    if (config.callbackSecrets) return config.callbackSecrets;
    const generated = randomBytes(32).toString('base64url');
    // Two processes may start at the same time: the secret that is set first is valid for both.
    const secret =
      (await redis.set(keys.callbackSecret, generated, 'NX')) === 'OK'
        ? generated
        : await redis.get(keys.callbackSecret);
    if (!secret) return await this.read();
    const [before] = this.#known ?? [];
    if (secret !== before) this.#known = before === undefined ? [secret] : [secret, before];
    return this.#known ?? [secret];
  }

  stop(): void {
    this.#deps.redis.off('ready', this.#onReady);
  }
}
