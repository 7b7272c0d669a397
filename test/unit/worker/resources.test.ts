import { expect, it } from 'vitest';
import { createLogger } from '../../../src/core/log.ts';
import { watchDisk } from '../../../src/worker/resources.ts';

it('shows a slow disk with its cure, logs it once, and clears it when it has recovered', () => {
  const lines: string[] = [];
  const log = createLogger({ level: 'info', secrets: [], destination: { write: (line) => void lines.push(line) } });
  const shown = new Map<string, string>();
  const disk = watchDisk(
    {
      raise: (kind, message, cure) => void shown.set(kind, `${message}. ${cure}`),
      clear: (kind) => void shown.delete(kind),
    },
    log,
  );
  disk.slow(5_000);
  disk.slow(10_000);
  expect(shown.get('disk')).toMatch(/^the disk is slow: flushing a clip has taken 10 s so far\. .*CLIPMILL_DOWNLOADS/);
  expect(lines.filter((line) => line.includes('the disk is slow'))).toHaveLength(1);
  disk.recovered();
  expect(shown.size).toBe(0);
  expect(lines.at(-1)).toContain('the disk is fast again');
  disk.slow(5_000);
  expect(lines.filter((line) => line.includes('the disk is slow'))).toHaveLength(2);
});
