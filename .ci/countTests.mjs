// Prints "N passed, N failed" from vitest's JSON reports: countTests.mjs REPORTS [FAILED-STEP...]
// The check runs the suite a second time for coverage: its passes are not counted again, its failures are. A step that
// failed without a failed test (a lint error, a crash, an install) counts as one failure: never "0 failed" for a red run.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [directory, ...failedSteps] = process.argv.slice(2)
const STEP_OF_REPORT = { test: 'npm test', check: 'npm run check', e2e: 'npm run test:e2e' }

let passed = 0
let failed = 0
const explained = new Set()
for (const [name, step] of Object.entries(STEP_OF_REPORT)) {
  const file = join(directory, `${name}.json`)
  if (!existsSync(file)) continue
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(file, 'utf8'))
  if (name !== 'check') passed += numPassedTests
  failed += numFailedTests
  if (numFailedTests > 0) explained.add(step)
}
failed += failedSteps.filter((step) => !explained.has(step)).length
console.log(`${passed} passed, ${failed} failed`)
