import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** In this order, the short files at the end fill the workers while the last long one runs. */
const folders = ['/test/e2e/', '/test/integration/', '/test/unit/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = ({ moduleId }: TestSpecification) => folders.findIndex((folder) => moduleId.includes(folder));
    return (await super.sort(files)).toSorted((a, b) => order(a) - order(b));
  }
}

export default defineConfig({
  test: {
    globalSetup: ['test/support/redis-server.ts'],
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // End-to-end tests wait for half of their time, so two cores carry three of them.
    maxWorkers: 3,
    // Files share the modules that a worker has loaded: loading them anew took a third of the suite's CPU time.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
});
