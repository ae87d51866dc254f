import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PostgresMajor } from '../../src/demo/postgresBinaries.ts'
import type { RealDatabase } from '../fixtures/realDatabase.ts'
import type { RealGate } from '../fixtures/realGate.ts'
import { type CalledInput, callCorpus } from './callCorpus.ts'
import { ALL_MAJORS, describe as describeOutcome, isSame, readCorpus } from './corpus.ts'
import { startCorpusDatabase, startCorpusGate } from './database.ts'

const judged = new Map<PostgresMajor, string>()
const ordinary = readCorpus('ordinary')

afterAll(() => {
  const numbers = [...judged].map(([major, count]) => `${count} on ${major}`)
  console.log(`ordinary: judged without needless denial, approval or masking: ${numbers.join(', ')}`)
})

describe.each(ALL_MAJORS)('ordinary calls of run_sql on PostgreSQL %i', (major) => {
  let database: RealDatabase
  let gate: RealGate
  let called: readonly CalledInput[]

  beforeAll(async () => {
    database = await startCorpusDatabase(major, 'canary')
    gate = await startCorpusGate(database)
    called = await callCorpus(
      gate,
      ordinary.filter(({ majors }) => majors.includes(major)),
      'prod-maintenance',
    )
  }, 240_000)
  afterAll(async () => {
    await gate?.stop()
    await database?.stop()
  })

  test('at least 98 of 100 are judged without needless denial, approval or masking', () => {
    const problems = called.flatMap(({ input, outcome, approvedOutcome, answer, approvedAnswer }) => {
      const { want, approved, id, args } = input
      const isRight =
        isSame(outcome, want) && (approved === undefined || isSame(approvedOutcome ?? 'unknown', approved))
      if (isRight) return []
      const became = [outcome, approvedOutcome].flatMap((one) => (one === undefined ? [] : describeOutcome(one)))
      const why = (approvedAnswer ?? answer).message
      return [`${id}: ${became.join(', then ')}: ${why} ${JSON.stringify(args)}`]
    })
    judged.set(major, `${called.length - problems.length} of ${called.length}`)
    for (const problem of problems) console.log(`stopped on ${major}: ${problem}`)
    expect(called.length).toBeGreaterThanOrEqual(120)
    expect(called.length - problems.length).toBeGreaterThanOrEqual(0.98 * called.length)
  })

  test('what was approved has happened, once', async () => {
    const [row] = await database.admin(`
      SELECT (SELECT count(*)::int FROM notes WHERE body = 'from the agent') AS inserted,
             (SELECT attempts FROM jobs WHERE id = 10) AS attempts,
             (SELECT value FROM counters WHERE name = 'a') AS counted,
             (SELECT email FROM users WHERE id = 31) AS email,
             (SELECT count(*)::int FROM job_logs WHERE job_id = 17) AS logs`)
    expect(row).toEqual({ inserted: 1, attempts: 2, counted: 100, email: 'new@corp.example', logs: 0 })
  })
})
