import { defineConfig } from 'vitest/config'
import { beginWith } from './vitest.sequence.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    // Real PostgreSQL servers start in some files; a slow shared machine must not turn that into a failure.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } },
    // Much of the time is spent waiting for servers: more workers than cores leaves fewer cores idle.
    maxWorkers: 4,
    sequence: { sequencer: beginWith('nonInterference.test.ts', 'crash/crash.test.ts') },
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 80 },
    },
  },
})
