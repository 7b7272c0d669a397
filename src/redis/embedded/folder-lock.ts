import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join, relative } from 'node:path';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';

/** Thrown by `lockFolder` when another process holds the folder. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse';
  readonly pid: number | undefined;

  constructor(folder: string, pid: number | undefined) {
    super(`${folder} is in use by another clipmill${pid ? ` (process ${pid})` : ''}`);
    this.pid = pid;
  }
}

/**
 * Locks a folder until this process ends, also by a kill.
 *
 * The lock is a listening socket `lock-N`. The kernel closes it with the process, so a lock that accepts connections
 * is held, and one that does not is stale; a reused process id cannot be mistaken for the holder. A process that finds
 * a stale `lock-N` binds `lock-(N+1)`, which only one process can.
 * @returns a function that releases the folder
 * @throws FolderInUse
 */
export async function lockFolder(folder: string): Promise<() => void> {
  for (;;) {
    const found = await findLocks(folder);
    for (const number of found) await refuseIfHeld(folder, number);
    const mine = Math.max(0, ...found) + 1;
    const server = createServer((socket) => socket.end(String(process.pid)));
    server.unref();
    try {
      server.listen(socketPath(folder, `lock-${mine}`));
      await once(server, 'listening');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') continue;
      throw error;
    }
    try {
      // Another process may have bound a number between the check and the bind: the lower number holds the lock.
      for (const number of await findLocks(folder)) if (number < mine) await refuseIfHeld(folder, number);
    } catch (error) {
      server.close();
      throw error;
    }
    for (const number of found) await rm(socketPath(folder, `lock-${number}`), { force: true });
    return () => server.close();
  }
}

/** Returns the id of the process that holds the folder, 0 when it is not known; `undefined` when none does. */
export async function folderHolder(folder: string): Promise<number | undefined> {
  for (const number of await findLocks(folder)) {
    const pid = await holderOf(socketPath(folder, `lock-${number}`));
    if (pid !== undefined) return pid;
  }
  return undefined;
}

/**
 * Returns a path to bind and to reach a socket of the folder. The kernel limits it to about 100 bytes, so the path of
 * a deep folder is relative to the working directory, or the socket is in the temporary directory.
 */
export function socketPath(folder: string, name: string): string {
  const paths = [join(folder, name), `./${relative(process.cwd(), join(folder, name))}`];
  const short = paths.find((path) => Buffer.byteLength(path) <= 100);
  return short ?? join(tmpdir(), `clipmill-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}-${name}`);
}

async function findLocks(folder: string): Promise<number[]> {
  const directory = join(socketPath(folder, 'lock-0'), '..');
  const prefix = socketPath(folder, 'lock-0').split('/').at(-1)?.slice(0, -1) ?? 'lock-';
  const names = await readdir(directory);
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

async function refuseIfHeld(folder: string, number: number): Promise<void> {
  const pid = await holderOf(socketPath(folder, `lock-${number}`));
  if (pid !== undefined) throw new FolderInUse(folder, pid);
}

/** Returns the id of the process that listens on a socket, 0 when it is not known; `undefined` when none listens. */
function holderOf(path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect(path);
    // A holder that is stopped or busy still holds the lock: the kernel accepts the connection, and no reply comes.
    let silent = false;
    socket.setTimeout(2_000, () => {
      silent = true;
      socket.destroy();
    });
    socket.on('data', (chunk) => {
      reply += chunk.toString('utf8');
    });
    socket.on('error', () => {});
    // Closed without a reply: the holder died in the meantime.
    socket.on('close', () => resolve(reply !== '' || silent ? Number(reply) : undefined));
  });
}
