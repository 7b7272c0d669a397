import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopbackHost } from '../config/values.ts';

/** Returns whether an `Authorization` header has the token, compared in constant time; true if no token is set. */
export function authorized(header: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const received = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(received), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The hosts that a request may be addressed to. */
export interface HostRule {
  /** CLIPMILL_PUBLIC_URL, whose host is allowed as well. */
  publicUrl?: string | undefined;
  /** Allows single-label names, such as a Compose service; public DNS has none of these. Default false. */
  bareNames?: boolean;
}

/**
 * Returns whether the Host header names this server: loopback, the host of the public URL, or the local address of the
 * connection. This blocks DNS rebinding, where a website resolves its own name to this machine and sends that name.
 */
export function allowsHost(request: IncomingMessage, { publicUrl, bareNames = false }: HostRule): boolean {
  const host = hostOf(request.headers.host);
  if (host === undefined) return false;
  if (isLoopbackHost(host) || host === request.socket.localAddress?.replace(/^::ffff:/, '')) return true;
  if (publicUrl !== undefined && host === hostOf(new URL(publicUrl).host)) return true;
  return bareNames && /^[a-z0-9][a-z0-9-]*$/.test(host) && isIP(host) === 0;
}

/** Returns the host in lower case, without the port and the brackets of IPv6. */
function hostOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
