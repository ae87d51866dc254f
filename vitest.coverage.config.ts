import { mergeConfig } from 'vitest/config'
import base from './vitest.config.ts'

/**
 * The suite without what takes longest and executes no line that the rest does not: whole corpora, twin databases, kills,
 * outages and floods. `npm test` runs those; measuring coverage under them would only take as long again.
 */
export default mergeConfig(base, {
  test: {
    exclude: [
      'test/attacks/**',
      'test/nonInterference.test.ts',
      'test/canary.test.ts',
      'test/crash/**',
      'test/robustness/**',
      'test/adapters/jsonlTrailCrash.test.ts',
      'test/demo/postgres.test.ts',
      'test/gateway/escalation.test.ts',
      'test/slack/{forgery,outages,pressure,votes}.test.ts',
      'test/tools/git_push/gitPush.test.ts',
      'test/tools/run_sql/analysis/analyze.test.ts',
      'test/tools/run_sql/{held,kept}*.test.ts',
      'test/tools/run_sql/session/createSessionPool.test.ts',
      'test/tools/run_sql/syntax/parse.test.ts',
      'test/webhook/delivery.test.ts',
    ],
  },
})
