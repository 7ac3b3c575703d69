import { defineConfig } from 'vitest/config';

/** Tests against real counterparts: one after the other, since they start servers and browsers. */
export default defineConfig({
  test: {
    include: ['test/real/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
