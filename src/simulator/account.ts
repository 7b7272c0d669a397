/** The balance that is reported for an account without a limit. */
const PLENTY_USD = 1_000_000;

/** The one account behind the simulator: its key, and its money in USD. */
export class Account {
  /** Unset: every key is accepted. */
  key: string | undefined;
  /** Unset: it never runs out. */
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
    return roundUsd(this.#balance ?? PLENTY_USD);
  }

  /** Charged and not refunded. */
  get spent(): number {
    return roundUsd(this.#spent);
  }

  setBalance(usd: number | undefined): void {
    this.#balance = usd;
  }

  /** Rounded, so that 1 USD buys ten times 0.1. */
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

/** To a millionth: sums of binary fractions do not end where a ledger's would. */
function roundUsd(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}
