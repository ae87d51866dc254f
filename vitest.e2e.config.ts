import { defineConfig } from 'vitest/config'
import { beginWith } from './vitest.sequence.ts'

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 30_000 } },
    // Browsers, kills and clusters wait more than they compute.
    maxWorkers: 2,
    // The kills take as long as all the rest: the other worker does that meanwhile.
    sequence: { sequencer: beginWith('crash.test.ts') },
  },
})
