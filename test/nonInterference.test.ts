import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PostgresMajor } from '../src/demo/postgresBinaries.ts'
import { type CalledInput, callCorpus } from './attacks/callCorpus.ts'
import { type CorpusInput, readCorpus } from './attacks/corpus.ts'
import { startCorpusDatabase, startCorpusGate } from './attacks/database.ts'
import type { ToolAnswer } from './fixtures/callTool.ts'
import type { RealDatabase } from './fixtures/realDatabase.ts'

/**
 * Two databases that differ in every protected value (length, script, order, nulls) and in nothing else must be the
 * same database to an agent: the answer to every call is the same, byte for byte.
 */
interface Twins {
  readonly one: RealDatabase
  readonly other: RealDatabase
}

async function callBoth(
  { one, other }: Twins,
  inputs: readonly CorpusInput[],
  connection: 'prod-maintenance' | 'over-privileged',
  predicates: 'approve' | 'equality',
): Promise<(readonly [CalledInput, CalledInput])[]> {
  const called = await Promise.all(
    [one, other].map(async (database) => {
      const gate = await startCorpusGate(database, { connection: { predicates, limits: UNHURRIED } })
      try {
        return await callCorpus(gate, inputs, connection)
      } finally {
        await gate.stop()
      }
    }),
  )
  const [left = [], right = []] = called
  return pairsOf(left, right)
}

function pairsOf(left: readonly CalledInput[], right: readonly CalledInput[]): (readonly [CalledInput, CalledInput])[] {
  return left.flatMap((first, index) => {
    const second = right[index]
    return second === undefined || second.input.id !== first.input.id ? [] : [[first, second] as const]
  })
}

const isRead = ({ answer }: CalledInput): boolean =>
  answer?.status === 'ok' && (answer.result?.rows?.length ?? 0) > 0 && answer.result?.rows_changed === undefined

/** Time is no answer here: on a machine that has much to do, one twin may be stopped where the other is not. */
const UNHURRIED = { statementTimeout: '10s', maxSessions: 12, maxRows: 500 }

/** How many were answered with rows: what is refused is the same without effort. */
const answered = (pairs: readonly (readonly [CalledInput, CalledInput])[]): number =>
  pairs.filter(([{ answer }]) => (answer.result?.rows?.length ?? 0) > 0).length

/** An answer without what is different in every call: its ids and its deadline. */
function withoutIds(answer: ToolAnswer | undefined): string {
  return JSON.stringify(answer ?? null)
    .replaceAll(/(call|apr)_[0-9A-Z]{26}/g, '$1')
    .replaceAll(/"expires_at":"[^"]+"/g, '"expires_at":""')
}

function differences(pairs: readonly (readonly [CalledInput, CalledInput])[]): string[] {
  return pairs.flatMap(([left, right]) => {
    const [a, b] = [left, right].map(({ answer, approvedAnswer }) => withoutIds(answer) + withoutIds(approvedAnswer))
    return a === b || left.input.varies ? [] : [`${left.input.id}: ${JSON.stringify(left.input.args)}\n  ${a}\n  ${b}`]
  })
}

const ordinary = readCorpus('ordinary')
// An approval may open what it shows; what a person has not seen must not depend on a protected value.
const unapproved = (inputs: readonly CorpusInput[]) => inputs.map((input) => ({ ...input, approved: undefined }))

// The oldest and the newest; test/tools/run_sql/analysis asks the same of every major, without the gate around it.
const MAJORS: readonly PostgresMajor[] = [15, 18]

describe.each(MAJORS)('answers on PostgreSQL %i, when every protected value is another', (major) => {
  let twins: Twins
  const on = (inputs: readonly CorpusInput[]) => inputs.filter(({ majors }) => majors.includes(major))

  beforeAll(async () => {
    const [one, other] = await Promise.all([startCorpusDatabase(major, 'canary'), startCorpusDatabase(major, 'other')])
    twins = { one, other }
  }, 120_000)
  afterAll(() => Promise.all([twins?.one.stop(), twins?.other.stop()]))

  test('the values are indeed others', async () => {
    const [one, other] = await Promise.all(
      [twins.one, twins.other].map((database) =>
        database.admin('SELECT id, email, ssn, birth_date, salary, secret_doc, codes FROM users ORDER BY id'),
      ),
    )
    for (const [index, row] of (one ?? []).entries()) {
      for (const [column, value] of Object.entries(row)) {
        if (column !== 'id') expect(other?.[index]?.[column], column).not.toEqual(value)
      }
    }
    expect(one).toHaveLength(60)
  })

  test('hostile calls are answered the same', async () => {
    const inputs = unapproved(on(readCorpus('hostile')))
    const pairs = await callBoth(twins, inputs, 'over-privileged', 'approve')
    expect(pairs).toHaveLength(inputs.length)
    expect(differences(pairs)).toEqual([])
    expect(answered(pairs)).toBeGreaterThan(80)
  }, 240_000)

  test('with predicates: equality, they are answered the same when no constant matches', async () => {
    const inputs = unapproved(on(readCorpus('hostile', 'nobody@nowhere.example')))
    const pairs = await callBoth(twins, inputs, 'over-privileged', 'equality')
    expect(pairs).toHaveLength(inputs.length)
    expect(differences(pairs)).toEqual([])
    // The setting does something: a comparison with a constant goes through, and finds nothing.
    const opened = pairs.find(([{ input }]) => input.id === 'equality-1')
    expect(opened?.[0].answer).toMatchObject({ status: 'ok', result: { row_count: 0 } })
  }, 240_000)

  test('reads that come again are answered as the first time, from what the session holds', async () => {
    const inputs = unapproved(on(ordinary))
    const rounds = await Promise.all(
      [twins.one, twins.other].map(async (database) => {
        const gate = await startCorpusGate(database, { connection: { limits: { ...UNHURRIED, maxSessions: 1 } } })
        try {
          const first = (await callCorpus(gate, inputs, 'over-privileged')).filter(isRead)
          const reads = first.map(({ input }) => input)
          // The second time a session begins to hold what it can, and the third time it runs that.
          await callCorpus(gate, reads, 'over-privileged')
          return { first, third: await callCorpus(gate, reads, 'over-privileged') }
        } finally {
          await gate.stop()
        }
      }),
    )
    const [one, other] = rounds
    for (const { first, third } of rounds) {
      expect(first.length).toBeGreaterThan(150)
      expect(differences(pairsOf(first, third))).toEqual([])
    }
    expect(differences(pairsOf(one?.third ?? [], other?.third ?? []))).toEqual([])
  }, 240_000)

  // Last, because it changes rows.
  test('ordinary calls are answered the same, approved changes included', async () => {
    const inputs = on(ordinary)
    const pairs = await callBoth(twins, inputs, 'prod-maintenance', 'approve')
    expect(pairs).toHaveLength(inputs.length)
    expect(differences(pairs)).toEqual([])
    expect(answered(pairs)).toBeGreaterThan(180)
  }, 240_000)
})
