/** Reported balance of an unlimited account, in US dollars. */
const UNLIMITED_USD = 1_000_000;

/** The only account of the simulator: its key and its balance in US dollars. */
export class Account {
  /** `undefined` accepts every key. */
  key: string | undefined;
  /** `undefined` for an unlimited balance. */
  #balance: number | undefined;
  #spent = 0;

  constructor(key: string | undefined, balance: number | undefined) {
    this.key = key;
    this.#balance = balance;
  }

  accepts(key: string): boolean {
    return this.key === undefined || this.key === key;
  }

  get balance(): number {
    return roundUsd(this.#balance ?? UNLIMITED_USD);
  }

  /** Amount charged and not refunded. */
  get spent(): number {
    return roundUsd(this.#spent);
  }

  setBalance(usd: number | undefined): void {
    this.#balance = usd;
  }

  /** Returns whether the balance covers an amount. Rounded, so that 1 USD covers ten charges of 0.1. */
  covers(usd: number): boolean {
    return this.#balance === undefined || roundUsd(this.#balance) >= roundUsd(usd);
  }

  charge(usd: number): void {
    if (this.#balance !== undefined) this.#balance -= usd;
    this.#spent += usd;
  }

  refund(usd: number): void {
    if (this.#balance !== undefined) this.#balance += usd;
    this.#spent -= usd;
  }
}

/** Rounds to a millionth, which removes the error of summing binary fractions. */
function roundUsd(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}
