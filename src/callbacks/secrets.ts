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
 * Holds the secrets of callback URLs: those of CLIPMILL_CALLBACK_SECRET, else one that is generated once and kept in
 * Redis for every process that submits or serves. Access to that Redis is access to everything, so the secret would be
 * no safer elsewhere.
 */
export class CallbackSecrets {
  readonly #deps: SecretDeps;
  #known: readonly string[] | undefined;
  readonly #onReady = () => void this.read().catch(() => {});

  constructor(deps: SecretDeps) {
    this.#deps = deps;
    this.#known = deps.config.callbackSecrets;
    // A Redis that lost its data, or another one in its place, has another secret.
    if (!this.#known) deps.redis.on('ready', this.#onReady);
  }

  /** Returns the secrets, of which the first signs and all are accepted; `undefined` until Redis has answered. */
  current(): readonly string[] | undefined {
    return this.#known;
  }

  /** Reads the secret from Redis where it is kept there. Rejects when Redis does not answer. */
  async read(): Promise<readonly string[]> {
    const { redis, keys, config } = this.#deps;
    if (config.callbackSecrets) return config.callbackSecrets;
    const made = randomBytes(32).toString('base64url');
    // Two processes may start together: the first one's secret holds for both.
    const secret =
      (await redis.set(keys.callbackSecret, made, 'NX')) === 'OK' ? made : await redis.get(keys.callbackSecret);
    if (!secret) return await this.read();
    const [before] = this.#known ?? [];
    if (secret !== before) this.#known = before === undefined ? [secret] : [secret, before];
    return this.#known ?? [secret];
  }

  stop(): void {
    this.#deps.redis.off('ready', this.#onReady);
  }
}
