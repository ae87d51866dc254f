import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CrashGate, openCrashGate } from '../crash/crashGate.ts'
import { describeCounts, playRounds } from '../crash/playRounds.ts'
import { anywhere, EVERY_STAGE } from '../crash/points.ts'

/** Every stage twice, and some more wherever the call happens to be. */
const ROUNDS = [...EVERY_STAGE, ...anywhere(12), ...EVERY_STAGE]

describe('kill -9 at every stage of a call, more than a hundred times', () => {
  let gate: CrashGate
  beforeAll(async () => {
    gate = await openCrashGate()
  })
  afterAll(() => gate?.stop())

  test('no execution without an intent, none twice, no approval lost, a whole trail, and the truth in it', async () => {
    const counts = await playRounds(gate, ROUNDS)
    console.log(describeCounts(counts))
    expect(counts).toMatchObject({
      executed: ROUNDS.length,
      missed: [],
      executionsWithoutIntent: [],
      doubleExecutions: [],
      neverExecuted: [],
      lostApprovals: [],
      brokenTrails: [],
      wrongOutcomes: [],
    })
    expect(counts.kills).toBeGreaterThanOrEqual(100)
  }, 1_800_000)
})
