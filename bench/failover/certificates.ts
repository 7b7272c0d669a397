import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An authority of one's own and a certificate for 127.0.0.1, as files. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
  caPem: Buffer;
}

export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const subject = ['-subj', '/CN=clipmill fail-over'];
  const authority = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem'];
  openssl(...authority, '-days', '2', ...subject);
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'server.key', '-out', 'server.csr', ...subject);
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const sign = ['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
  openssl(...sign, '-days', '2', '-out', 'server.pem', '-extfile', 'names');
  const ca = join(folder, 'ca.pem');
  return { ca, cert: join(folder, 'server.pem'), key: join(folder, 'server.key'), caPem: readFileSync(ca) };
}
