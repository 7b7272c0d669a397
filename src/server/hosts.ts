import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopbackHost } from '../config/values.ts';

/** What a request's Host header may be. */
export interface HostRule {
  /** URL whose host is right as well: CLIPMILL_PUBLIC_URL. */
  publicUrl?: string | undefined;
  /** Also names of one label, such as a service in a Compose network: public DNS has none of these. Default false. */
  bareNames?: boolean;
}

/**
 * Whether a request was meant for this server: its Host is loopback, the public URL's, or the very address that
 * the connection came to. A page of another site that has its name resolve to this machine (DNS rebinding)
 * brings that name along, which is none of these.
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
