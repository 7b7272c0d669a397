import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Signs and verifies result URLs, `/files/{taskId}/{n}.mp4?sig=…`, which require no key and may expire. */
export class SignedUrls {
  readonly #secret = randomBytes(32);
  readonly #ttlMs: number | undefined;
  readonly #now: () => number;
  /** Base URL of the simulator without a trailing slash, set once it listens. */
  base = '';

  /** @param ttlMs lifetime of a URL in milliseconds; undefined for no expiry */
  constructor(ttlMs: number | undefined, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  /** Whether URLs expire; otherwise the URLs of a task never change. */
  get expire(): boolean {
    return this.#ttlMs !== undefined;
  }

  /** @param n number of the clip, from 1 */
  sign(taskId: string, n: number): string {
    const expires = this.#ttlMs === undefined ? 0 : Math.ceil(this.#now() + this.#ttlMs);
    return `${this.base}/files/${taskId}/${n}.mp4?sig=${expires.toString(36)}.${this.#mac(taskId, n, expires)}`;
  }

  /** Returns whether a signature is valid and not expired. */
  valid(taskId: string, n: number, signature: string): boolean {
    const [time = '', mac = ''] = signature.split('.');
    const expires = Number.parseInt(time, 36);
    const expected = Buffer.from(this.#mac(taskId, n, expires));
    const received = Buffer.from(mac);
    if (received.length !== expected.length || !timingSafeEqual(received, expected)) return false;
    return expires === 0 || this.#now() < expires;
  }

  #mac(taskId: string, n: number, expires: number): string {
    return createHmac('sha256', this.#secret).update(`${taskId}/${n}/${expires}`).digest('hex').slice(0, 32);
  }
}
