import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { ToolAnswer } from '../fixtures/callTool.ts'
import type { RealDatabase } from '../fixtures/realDatabase.ts'
import type { RealGate } from '../fixtures/realGate.ts'
import { mintCallers, readStartedCalls } from './callCorpus.ts'
import { findCanaries } from './canaries.ts'
import { forEachOf, outcomeOf } from './corpus.ts'
import { canaryEmail, startCorpusDatabase, startCorpusGate } from './database.ts'
import { takeSnapshot } from './snapshot.ts'

interface WrittenScript {
  readonly sql?: string
  readonly parts?: readonly (string | readonly [string, number])[]
  readonly params?: readonly unknown[]
  readonly args?: Readonly<Record<string, unknown>>
  readonly want?: string
  readonly code?: string
  readonly shown?: readonly string[]
  readonly then?: string
  readonly check?: string
}

interface Script extends WrittenScript {
  readonly id: string
  readonly want: string
}

interface Called {
  readonly script: Script
  readonly answer: ToolAnswer
  readonly shown: readonly string[]
  readonly approved: ToolAnswer | undefined
}

const POLICY = `
policy: db-maintenance-agents
connection: over-privileged
rules:
  - match: SELECT
    action: allow
  - match: INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|TRUNCATE|COMMENT|REFRESH|ANALYZE|GRANT|REVOKE|DO
    action: require-approval
record: true
`

const groups = parse(readFileSync(new URL('./run_sql.scripts.yaml', import.meta.url), 'utf8')) as readonly {
  readonly group: string
  readonly want: string
  readonly then?: string
  readonly inputs: readonly (string | WrittenScript)[]
}[]
const scripts = groups.flatMap(({ group, want, then, inputs }) =>
  inputs.map((written, index): Script => {
    const input = typeof written === 'string' ? { sql: written } : written
    return { want, ...(then !== undefined && { then }), ...input, id: `${group}-${index + 1}` }
  }),
)
const isOrdinary = ({ id }: Script) => id.startsWith('ordinary')

function argumentsOf({ sql, parts, params, args }: Script): Record<string, unknown> {
  const text = parts?.map((part) => (typeof part === 'string' ? part : part[0].repeat(part[1]))).join('') ?? sql
  return {
    connection: 'over-privileged',
    sql: text?.replaceAll('{{email}}', canaryEmail(7)),
    script: true,
    ...(params !== undefined && { params }),
    ...args,
  }
}

describe.each([15, 18] as const)('scripts of run_sql on PostgreSQL %i', (major) => {
  let database: RealDatabase
  let gate: RealGate
  let before: Record<string, string>
  let after: Record<string, string>
  const notified: string[] = []
  const called = new Map<Script, Called>()
  const checks = new Map<string, unknown>()
  const check = async ({ check: query = 'SELECT false' }: Script): Promise<unknown> => {
    const [row] = await database.admin(query).catch((error: Error) => [{ error: error.message }])
    return Object.values(row ?? {})[0]
  }

  beforeAll(async () => {
    database = await startCorpusDatabase(major, 'canary')
    gate = await startCorpusGate(database, { policies: [POLICY] })
    const listener = await database.connect()
    listener.on('notification', ({ channel }) => notified.push(channel))
    await listener.query('LISTEN evil')
    const callers = await mintCallers(gate, scripts.length)
    const call = async (script: Script): Promise<void> => {
      const caller = callers[Math.floor(scripts.indexOf(script) / 10)]
      const answer = await gate.call('run_sql', argumentsOf(script), caller)
      const id = answer.approval_id
      const shown = id === undefined ? [] : (await gate.reviewer().show(id)).why.map(({ operation }) => operation)
      called.set(script, { script, answer, shown, approved: undefined })
      if (id === undefined || script.then === undefined) return
      await gate.reviewer().approve(id)
      const approved = await gate.call('await_approval', { approval_id: id }, caller)
      called.set(script, { script, answer, shown, approved })
    }
    before = await takeSnapshot(database)
    const hostile = scripts.filter((script) => !isOrdinary(script))
    // What is approved takes locks, and is run one after the other.
    await forEachOf(
      hostile.filter(({ then }) => then === undefined),
      call,
    )
    await forEachOf(
      hostile.filter(({ then }) => then !== undefined),
      call,
      1,
    )
    after = await takeSnapshot(database)
    for (const script of scripts.filter(isOrdinary)) {
      await call(script)
      checks.set(script.id, await check(script))
    }
  }, 240_000)
  afterAll(async () => {
    await gate?.stop()
    await database?.stop()
  })

  const problemsOf = async (which: (script: Script) => boolean): Promise<readonly string[]> => {
    const started = await readStartedCalls(gate)
    return [...called.values()].flatMap(({ script, answer, shown, approved }) => {
      if (!which(script)) return []
      const { id, want, code, then } = script
      const say = (what: string) => [`${id}: ${what} ${JSON.stringify(script.sql ?? script.parts).slice(0, 160)}`]
      const outcome = outcomeOf(answer, started.has(answer.call_id))
      if (outcome !== want) return say(`${JSON.stringify(outcome)}, not ${want}: ${answer.message}`)
      if (code !== undefined && answer.code !== code) return say(`${answer.code}, not ${code}`)
      const unseen = (script.shown ?? []).filter((operation) => !shown.includes(operation))
      if (unseen.length > 0) return say(`reviewers do not see ${unseen.join(', ')}, only ${shown.join(', ')}`)
      const became = approved === undefined ? undefined : (approved.code ?? (approved.status === 'ok' ? 'clear' : '?'))
      return became === then ? [] : say(`then ${became}, not ${then}: ${approved?.message}`)
    })
  }

  test('every hostile script gets the verdict it must get', async () => {
    const hostile = scripts.filter((script) => !isOrdinary(script))
    const problems = await problemsOf((script) => !isOrdinary(script))
    console.log(`hostile scripts: ${hostile.length - problems.length} of ${hostile.length} right on ${major}`)
    expect(hostile.length).toBeGreaterThanOrEqual(80)
    expect(problems).toEqual([])
  })

  test('none of them has changed anything', () => {
    expect(after).toEqual(before)
    expect(notified).toEqual([])
    expect(existsSync('/tmp/countersign-corpus')).toBe(false)
  })

  test('no protected value is in any answer, in what reviewers see, or in the log', () => {
    const texts = [...called.values()].map(({ answer, approved }) => JSON.stringify([answer, approved]))
    expect([...texts, ...gate.logLines].flatMap(findCanaries)).toEqual([])
  })

  test('ordinary scripts wait for a person, and have then happened', async () => {
    const ordinary = scripts.filter(isOrdinary)
    const problems = [...(await problemsOf(isOrdinary))]
    for (const { id, check: query } of ordinary) {
      if (checks.get(id) !== true) problems.push(`${id}: ${query} is ${JSON.stringify(checks.get(id))}`)
    }
    console.log(`ordinary scripts: ${ordinary.length} on ${major}, problems: ${problems.length}`)
    expect(ordinary.length).toBeGreaterThanOrEqual(20)
    expect(problems).toEqual([])
  })
})
