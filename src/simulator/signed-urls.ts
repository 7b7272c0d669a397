import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Result URLs `/files/{taskId}/{n}.mp4?sig=…` that need no key, and end when their time is over. */
export class SignedUrls {
  readonly #secret = randomBytes(32);
  readonly #ttlMs: number | undefined;
  readonly #now: () => number;
  /** Where the simulator answers, without a slash at the end; known once it listens. */
  base = '';

  /** `ttlMs` unset: URLs never expire. */
  constructor(ttlMs: number | undefined, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** false: every URL of a task is the same one, for ever. */
  get expire(): boolean {
    return this.#ttlMs !== undefined;
  }

  /** `n` counts from 1. */
  sign(taskId: string, n: number): string {
    const expires = this.#ttlMs === undefined ? 0 : Math.ceil(this.#now() + this.#ttlMs);
    return `${this.base}/files/${taskId}/${n}.mp4?sig=${expires.toString(36)}.${this.#mac(taskId, n, expires)}`;
  }

  /** Whether the signature is ours and its time is not over. */
  valid(taskId: string, n: number, signature: string): boolean {
    const [time = '', mac = ''] = signature.split('.');
    const expires = Number.parseInt(time, 36);
    const expected = Buffer.from(this.#mac(taskId, n, expires));
    const given = Buffer.from(mac);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    return expires === 0 || this.#now() < expires;
  }

  #mac(taskId: string, n: number, expires: number): string {
    return createHmac('sha256', this.#secret).update(`${taskId}/${n}/${expires}`).digest('hex').slice(0, 32);
  }
}
