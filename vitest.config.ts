import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** In this order, the short files at the end fill the workers while the last long one runs. */
const folders = ['/test/e2e/', '/test/integration/', '/test/unit/'];

function rank({ moduleId }: TestSpecification): number {
  return folders.findIndex((folder) => moduleId.includes(folder));
}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's, not an array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    globalSetup: ['test/support/redis-server.ts'],
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // End-to-end tests wait for half of their time, so two cores carry three of them.
    maxWorkers: 3,
    // Files share the modules that a worker has loaded: loading them anew took a third of the suite's CPU time.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
});
