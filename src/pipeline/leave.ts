import type { Clock } from '../clock.ts';

/** A reply that either says what may be done or how long a reserved request token has to wait. */
type Asked = { kind: 'wait'; ms: number } | { kind: string };

/**
 * Asks for leave until the answer is not "wait". The token that a wait reserved is used by the next
 * question, unless the process was held up for so long that the token would come on top of newer ones.
 */
export async function askLeave<Reply extends Asked>(
  ask: (holdingToken: boolean) => Promise<Reply>,
  options: { clock: Clock; tokenLifetimeMs: number; draining: AbortSignal },
): Promise<Exclude<Reply, { kind: 'wait' }>> {
  const { clock } = options;
  let holding = false;
  for (;;) {
    options.draining.throwIfAborted();
    const reply = await ask(holding);
    if (!isWait(reply)) return reply as Exclude<Reply, { kind: 'wait' }>;
    const due = clock.now() + reply.ms;
    await clock.sleep(reply.ms, options.draining);
    holding = clock.now() - due <= options.tokenLifetimeMs;
  }
}

function isWait(reply: Asked): reply is { kind: 'wait'; ms: number } {
  return reply.kind === 'wait';
}
