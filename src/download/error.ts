/**
 * Why a clip could not be fetched.
 * - `expired`: the URL is no longer good; the API may give a fresh one.
 * - `broken`: the transfer failed or was not whole; the same URL may work later.
 * - `forbidden`: the URL leads where no clip may come from.
 */
export type SourceFault = 'expired' | 'broken' | 'forbidden';

export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly fault: SourceFault;

  constructor(fault: SourceFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.fault = fault;
  }
}
