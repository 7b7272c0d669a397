/**
 * Why a clip could not be fetched.
 * - `expired`: the URL is no longer valid; the API may return a fresh one.
 * - `broken`: the transfer failed or was not whole; the same URL may work later.
 * - `slow`: the bytes came below the least pace.
 * - `unusable`: the answer is complete and is no clip: HTML, another format, nothing, a loop of redirects.
 * - `too-large`: more bytes than CLIPMILL_MAX_CLIP_BYTES.
 * - `forbidden`: the URL leads where no clip may come from.
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
