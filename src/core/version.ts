import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Returns the path of a file in the root of the package, from the sources as from a build. */
export function packageFile(name: string): string {
  const here = ['../../', '../../../'].find((up) => existsSync(new URL(`${up}package.json`, import.meta.url))) ?? '../';
  return fileURLToPath(new URL(here + name, import.meta.url));
}

export function packageVersion(): string {
  const manifest = z.object({ version: z.string() });
  return manifest.parse(JSON.parse(readFileSync(packageFile('package.json'), 'utf8'))).version;
}
