import { defineConfig } from 'vitest/config';

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
  },
});
