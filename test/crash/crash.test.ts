import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CrashGate, openCrashGate } from './crashGate.ts'
import { describeCounts, playRounds } from './playRounds.ts'
import { EVERY_STAGE } from './points.ts'

/** Every third stage; all of them, several times over, are in test/e2e/crash.test.ts. */
const SHORT = EVERY_STAGE.filter((_, index) => index % 3 === 0)

describe('kill -9 at a stage of a call', () => {
  let gate: CrashGate
  beforeAll(async () => {
    gate = await openCrashGate()
  })
  afterAll(() => gate?.stop())

  test('no execution without an intent, none twice, no approval lost, a whole trail, and the truth in it', async () => {
    const counts = await playRounds(gate, SHORT)
    console.log(describeCounts(counts))
    expect(counts).toMatchObject({
      executed: SHORT.length,
      missed: [],
      executionsWithoutIntent: [],
      doubleExecutions: [],
      neverExecuted: [],
      lostApprovals: [],
      brokenTrails: [],
      wrongOutcomes: [],
    })
    expect(counts.kills).toBeGreaterThanOrEqual(SHORT.length)
  }, 240_000)
})
