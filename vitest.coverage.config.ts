import { mergeConfig } from 'vitest/config'
import base from './vitest.config.ts'

/**
 * The suite without what takes longest and executes no line that the rest does not: whole corpora, twin databases, kills
 * and floods. `npm test` runs those; measuring coverage under them would only take as long again.
 */
export default mergeConfig(base, {
  test: {
    exclude: ['test/attacks/**', 'test/nonInterference.test.ts', 'test/crash/**', 'test/robustness/**'],
  },
})
