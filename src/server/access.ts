import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopbackHost } from '../config/values.ts';

/** Returns whether an `Authorization` header has the token, compared in constant time; true where no token is set. */
export function authorized(header: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Hosts that a request may name. */
export interface HostRule {
  /** CLIPMILL_PUBLIC_URL: its host is allowed as well. */
  publicUrl?: string | undefined;
  /** Also names of one label, such as a service in a Compose network: public DNS has none of these. Default false. */
  bareNames?: boolean;
}

/**
 * Returns whether a request names this server as its host: loopback, the host of the public URL, or the local address
 * of the connection. A page of another site whose name resolves to this machine (DNS rebinding) sends that name, which
 * is none of these.
 */
export function allowsHost(request: IncomingMessage, { publicUrl, bareNames = false }: HostRule): boolean {
  const host = hostOf(request.headers.host);
  if (host === undefined) return false;
  if (isLoopbackHost(host) || host === request.socket.localAddress?.replace(/^::ffff:/, '')) return true;
  if (publicUrl !== undefined && host === hostOf(new URL(publicUrl).host)) return true;
  return bareNames && /^[a-z0-9][a-z0-9-]*$/.test(host) && isIP(host) === 0;
}

/** Without its port and the brackets of IPv6, in lower case. */
function hostOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
