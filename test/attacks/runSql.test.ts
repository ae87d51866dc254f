import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ReviewView } from '../../src/approvals/review.ts'
import type { PostgresMajor } from '../../src/demo/postgresBinaries.ts'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import type { RealDatabase } from '../fixtures/realDatabase.ts'
import type { RealGate } from '../fixtures/realGate.ts'
import { type Caller, mintCallers, readStartedCalls } from './callCorpus.ts'
import { findCanaries } from './canaries.ts'
import {
  ALL_MAJORS,
  type CorpusInput,
  describe as describeOutcome,
  forEachOf,
  isSame,
  outcomeOf,
  readCorpus,
} from './corpus.ts'
import { startCorpusDatabase, startCorpusGate } from './database.ts'
import { takeSnapshot } from './snapshot.ts'

/** What inputs of the corpus would write if they could. */
const PLANTED_FILE = '/tmp/countersign-corpus'

const right = new Map<PostgresMajor, string>()
const hostile = readCorpus('hostile')

afterAll(() => {
  const majors = [...right.keys()].join('/')
  const numbers = [...new Set(right.values())]
  console.log(`hostile: ${numbers.join(', ')} right on each of ${majors}`)
})

describe.each(ALL_MAJORS)('hostile calls of run_sql on PostgreSQL %i', (major) => {
  let database: RealDatabase
  let gate: RealGate
  let before: Record<string, string>
  const notified: string[] = []
  const inputs = hostile.filter(({ majors }) => majors.includes(major))
  const answers = new Map<string, ToolAnswer>()
  const nextAnswers = new Map<string, ToolAnswer>()
  const views = new Map<string, ReviewView>()
  let callers: Caller[] = []
  // A caller may ask for so many approvals a minute, so there are several.
  const callerOf = (input: CorpusInput) => callers[Math.floor(inputs.indexOf(input) / 10)]

  beforeAll(async () => {
    database = await startCorpusDatabase(major, 'canary')
    gate = await startCorpusGate(database)
    const listener = await database.connect()
    listener.on('notification', ({ channel, payload }) => notified.push(`${channel} ${payload}`))
    await listener.query('LISTEN evil')
    callers = await mintCallers(gate, inputs.length)
    before = await takeSnapshot(database)
    await forEachOf(inputs, async (input) => {
      const caller = callerOf(input)
      answers.set(input.id, await gate.call('run_sql', { connection: 'over-privileged', ...input.args }, caller))
      nextAnswers.set(input.id, await gate.sql('SELECT 1 AS one', { connection: 'over-privileged' }, caller))
    })
    await forEachOf(inputs, async ({ id }) => {
      const approvalId = answers.get(id)?.approval_id
      if (approvalId !== undefined) views.set(id, await gate.reviewer().show(approvalId))
    })
  }, 240_000)
  afterAll(async () => {
    await gate?.stop()
    await database?.stop()
  })

  const wrong = ({ id, args }: CorpusInput, what: string) => `${id}: ${what}: ${JSON.stringify(args).slice(0, 200)}`

  test('every verdict is the right one', async () => {
    const started = await readStartedCalls(gate)
    const problems = inputs.flatMap((input) => {
      const answer = answers.get(input.id)
      if (answer === undefined) return [wrong(input, 'no answer')]
      const outcome = outcomeOf(answer, started.has(answer.call_id))
      if (!isSame(outcome, input.want)) {
        return [wrong(input, `${describeOutcome(outcome)} (${answer.code ?? ''}), not ${describeOutcome(input.want)}`)]
      }
      if (input.code !== undefined && answer.code !== input.code) {
        return [wrong(input, `${answer.code}, not ${input.code}`)]
      }
      const shown = views.get(input.id)?.why.map(({ operation }) => operation) ?? []
      const unseen = input.operations.filter((operation) => !shown.includes(operation))
      return unseen.length === 0
        ? []
        : [wrong(input, `reviewers do not see ${unseen.join(', ')}, only ${shown.join(', ')}`)]
    })
    right.set(major, `${inputs.length - problems.length} of ${inputs.length}`)
    expect(problems).toEqual([])
  })

  test('nothing in the database has changed', async () => {
    expect(await takeSnapshot(database)).toEqual(before)
    expect(notified).toEqual([])
    expect(existsSync(PLANTED_FILE)).toBe(false)
  })

  test('the call after each one works', () => {
    const broken = inputs.filter(({ id }) => JSON.stringify(nextAnswers.get(id)?.result?.rows) !== '[[1]]')
    expect(broken.map((input) => wrong(input, JSON.stringify(nextAnswers.get(input.id))))).toEqual([])
  })

  test('what was approved gives back nothing protected', async () => {
    const approved = inputs.filter((input) => input.approved !== undefined)
    const problems: string[] = []
    for (const input of approved) {
      const approvalId = answers.get(input.id)?.approval_id ?? ''
      await gate.reviewer().approve(approvalId)
      const answer = await gate.call('await_approval', { approval_id: approvalId }, callerOf(input))
      answers.set(`${input.id} approved`, answer)
      const outcome = outcomeOf(answer, (await readStartedCalls(gate)).has(answer.call_id))
      if (input.approved !== undefined && !isSame(outcome, input.approved)) {
        problems.push(
          wrong(input, `${describeOutcome(outcome)} (${answer.code ?? ''}), not ${describeOutcome(input.approved)}`),
        )
      }
    }
    expect(problems).toEqual([])
    expect(approved.length).toBeGreaterThan(20)
    expect(notified).toEqual([])
  })

  test('no protected value is in any answer, in what reviewers see, in the trail or in the log', async () => {
    const found = (where: string, text: string) => findCanaries(text).map(({ around }) => `${where}: ${around}`)
    const leaks = [
      ...[...answers].flatMap(([id, answer]) => found(`answer to ${id}`, JSON.stringify(answer))),
      ...[...views].flatMap(([id, view]) => found(`what reviewers see of ${id}`, JSON.stringify(view))),
      ...gate.logLines.flatMap((line) => found('log', line)),
    ]
    for (const file of await readdir(gate.auditDir)) {
      const lines = (await readFile(join(gate.auditDir, file), 'latin1')).split('\n')
      leaks.push(...lines.flatMap((line) => found('trail', line)))
    }
    expect(leaks).toEqual([])
  })

  test('the canaries are there to be found', async () => {
    const [row] = await database.admin('SELECT row_to_json(u) AS u FROM users u WHERE id = 7')
    expect(findCanaries(JSON.stringify(row)).length).toBeGreaterThanOrEqual(5)
    const [hidden] = await database.admin(
      "SELECT encode(convert_to('x' || email, 'UTF8'), 'base64') AS b, encode(email::bytea, 'hex') AS h, reverse(email) AS r FROM users WHERE id = 7",
    )
    for (const form of Object.values(hidden ?? {})) expect(findCanaries(String(form))).not.toEqual([])
  })
})
