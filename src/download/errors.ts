/**
 * The reason why a clip could not be fetched.
 * - `expired`: the URL is no longer valid; the API may return a fresh one.
 * - `broken`: the transfer failed or is incomplete; the same URL may work later.
 * - `slow`: the transfer was slower than the minimum rate.
 * - `unusable`: the answer is complete and not a clip: HTML, another format, empty, a redirect loop.
 * - `too-large`: it has more bytes than CLIPMILL_MAX_CLIP_BYTES.
 * - `forbidden`: the URL has a protocol or an address that is not allowed.
 */
export type SourceFault = 'expired' | 'broken' | 'slow' | 'unusable' | 'too-large' | 'forbidden';

export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly fault: SourceFault;

  constructor(fault: SourceFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.fault = fault;
  }
}
