import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StartedCall } from '../../../src/call.ts'
import { GateError } from '../../../src/errors.ts'
import { createKeptJudgements, type KeptJudgement } from '../../../src/tools/run_sql/keptJudgements.ts'
import type { PostgresConnection } from '../../../src/tools/run_sql/settings.ts'
import { createRunSql } from '../../../src/tools/run_sql/tool.ts'
import type { OpenTool, RequestField, ToolOutput, Understanding } from '../../../src/tools/tool.ts'
import { CHANGES, type Change } from './changes.ts'
import { startTestServer, type TestServer } from './testServer.ts'

const signal = new AbortController().signal
const started = { callId: 'call_test', approvalId: undefined, constraints: {} } as unknown as StartedCall

/** Everything that anybody learns of a call: the verdict, the answer of a read, the refusal. */
interface Seen {
  readonly verdict: unknown
  /** A kept judgement shows itself by the very same description of the request. */
  readonly described: RequestField | undefined
}

async function call(sql: OpenTool, text: string, params: readonly (string | number)[] = []): Promise<Seen> {
  let understanding: Understanding | undefined
  let output: ToolOutput | undefined
  try {
    understanding = await sql.tool.understand({ connection: 'main', sql: text, params }, 'main', signal)
    if (understanding.effect === 'read' && understanding.operations.every(({ floor }) => floor !== 'deny')) {
      output = await understanding.execute(
        started,
        async () => undefined,
        signal,
        () => undefined,
      )
    }
    const { effect, operations, judged, target, request } = understanding
    return { verdict: { effect, operations, judged, target, request, output }, described: request[0] }
  } catch (error) {
    if (!(error instanceof GateError)) throw error
    const { code, detail } = error
    return { verdict: { code, detail, operations: understanding?.operations }, described: understanding?.request[0] }
  } finally {
    await understanding?.release()
  }
}

const FRESH = `
  DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS app CASCADE; DROP SCHEMA IF EXISTS apps CASCADE;
  CREATE SCHEMA app; DROP ROLE IF EXISTS reader_of_t; GRANT USAGE ON SCHEMA public, app TO gate_ro, gate_rw;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public, app GRANT SELECT ON TABLES TO gate_ro;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public, app GRANT ALL ON TABLES TO gate_rw;
`

describe.each([15, 18] as const)('a statement that was judged before, on PostgreSQL %i', (major) => {
  let target: TestServer
  let settings: PostgresConnection
  const open: OpenTool[] = []
  beforeAll(async () => {
    target = await startTestServer(major, '')
  })
  afterAll(() => target.stop())

  const openGate = (): OpenTool => {
    const sql = createRunSql({ readSecret: target.readSecret, connections: () => ({ main: settings }) })
    open.push(sql)
    return sql
  }
  const asCold = async (text: string, params?: readonly (string | number)[]): Promise<Seen> =>
    call(openGate(), text, params)
  const closeGates = async (): Promise<void> => {
    await Promise.all(open.splice(0).map((sql) => sql.close()))
  }
  const settingsOf = (changes: Readonly<Record<string, unknown>> = {}): PostgresConnection =>
    // One session, so that what it holds is what is asked next.
    target.connection({ searchPath: ['app', 'public'], limits: { maxSessions: 1 }, ...changes })

  test.each(CHANGES)('is judged as by a gateway that never saw it, after: $title', async (item: Change) => {
    await target.admin(FRESH)
    await target.admin(item.setup)
    settings = settingsOf(item.settings)
    try {
      const gate = openGate()
      const first = await call(gate, item.sql, item.params)
      expect(first.described).toBeDefined()
      const second = await call(gate, item.sql, item.params)
      expect(second.described).toBe(first.described)
      expect(second.verdict).toEqual(first.verdict)
      // Where it can be, it is held by now.
      const held = await call(gate, item.sql, item.params)
      expect(held.described).toBe(first.described)
      expect(held.verdict).toEqual(first.verdict)

      if (item.change !== undefined) await target.admin(item.change)
      if (item.reload !== undefined) settings = settingsOf(item.reload)
      const third = await call(gate, item.sql, item.params)
      const cold = await asCold(item.sql, item.params)
      expect(third.verdict).toEqual(cold.verdict)
      if (item.same === undefined) expect(third.verdict).not.toEqual(first.verdict)
      if (item.same === 'kept') expect(third.described).toBe(first.described)
      if (item.same === 'judged anew') expect(third.described).not.toBe(first.described)
      // Whatever was kept and is held of it now is right too.
      expect((await call(gate, item.sql, item.params)).verdict).toEqual(cold.verdict)
      expect((await call(gate, item.sql, item.params)).verdict).toEqual(cold.verdict)
    } finally {
      await closeGates()
    }
  })

  test('is judged anew on another connection, with another number of parameters, and after a reconnect', async () => {
    await target.admin(`${FRESH}; CREATE TABLE t (id int, email text)`)
    settings = settingsOf({ protect: ['t.email'] })
    const gate = openGate()
    const text = 'SELECT id, email FROM t'
    const first = await call(gate, text)
    gate.reconnect()
    const second = await call(gate, text)
    expect(second.described).not.toBe(first.described)
    expect(second.verdict).toEqual(first.verdict)
    expect((await call(gate, text)).described).toBe(second.described)
    expect((await call(gate, text, [1])).verdict).toMatchObject({ code: 'ERR_SQL_PARAMS' })
    expect((await call(gate, `${text} `)).described).not.toBe(second.described)
    await closeGates()
  })

  /** A statement that is kept, and understood once more because of that. */
  async function understandKept(gate: OpenTool, text: string): Promise<Understanding> {
    const first = await call(gate, text)
    const understanding = await gate.tool.understand({ connection: 'main', sql: text, params: [] }, 'main', signal)
    expect(understanding.request[0]).toBe(first.described)
    return understanding
  }
  async function run(understanding: Understanding): Promise<ToolOutput> {
    try {
      return await understanding.execute(
        started,
        async () => undefined,
        signal,
        () => undefined,
      )
    } finally {
      await understanding.release()
    }
  }

  test('is still held against a function that is redefined after it was judged', async () => {
    const define = (body: string) =>
      target.admin(`CREATE OR REPLACE FUNCTION tag() RETURNS text STABLE LANGUAGE sql AS $$ ${body} $$`)
    await target.admin(`${FRESH}; CREATE TABLE t (id int, state text); INSERT INTO t VALUES (1, 'old')`)
    await define("SELECT 'judged'")
    settings = settingsOf({ trustedFunctions: ['public.tag'] })
    const gate = openGate()
    const read = await understandKept(gate, 'SELECT tag()')
    const write = await understandKept(gate, 'UPDATE t SET state = tag() WHERE id = 1')
    await define("SELECT 'redefined'")
    await expect(run(read)).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED' })
    await expect(run(write)).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED' })
    expect(await target.admin('SELECT state FROM t')).toEqual([{ state: 'old' }])
    const again = await understandKept(gate, 'UPDATE t SET state = tag() WHERE id = 1')
    expect((await run(again)).rowsChanged).toBe(1)
    expect(await target.admin('SELECT state FROM t')).toEqual([{ state: 'redefined' }])
    await closeGates()
  })

  test('is committed when only what does not matter has changed since', async () => {
    await target.admin(
      `${FRESH}; CREATE TABLE t (id int, state text); INSERT INTO t VALUES (1, 'old'); CREATE ROLE reader_of_t`,
    )
    settings = settingsOf()
    const gate = openGate()
    const write = await understandKept(gate, "UPDATE t SET state = 'new' WHERE id = 1")
    await target.admin('GRANT SELECT ON t TO reader_of_t')
    expect((await run(write)).rowsChanged).toBe(1)
    expect(await target.admin('SELECT state FROM t')).toEqual([{ state: 'new' }])
    await closeGates()
  })
})

describe('createKeptJudgements', () => {
  const judgementOf = (name: string): KeptJudgement =>
    ({ judgement: { operations: [{ operation: name }] }, statement: {}, asked: [], described: {} }) as never
  const sizeOf = (name: string): number => name.length + JSON.stringify(judgementOf(name)).length

  test('forgets what was used least lately when there is too much, and what is too large at once', () => {
    const kept = createKeptJudgements(2 * sizeOf('a'))
    kept.keep('a', judgementOf('a'))
    kept.keep('b', judgementOf('b'))
    expect(kept.get('a')).toBeDefined()
    kept.keep('c', judgementOf('c'))
    expect(['a', 'b', 'c'].filter((key) => kept.get(key) !== undefined)).toEqual(['a', 'c'])
    kept.keep('d', judgementOf('d'.repeat(1_000)))
    expect(kept.get('d')).toBeUndefined()
    expect(kept.get('a')).toBeDefined()
    kept.keep('a', judgementOf('a'))
    kept.keep('c', judgementOf('c'))
    expect(kept.size).toBe(2)
    kept.forget('a')
    kept.keep('e', judgementOf('e'))
    expect(kept.size).toBe(2)
  })

  test('keeps what nobody can change', () => {
    const kept = createKeptJudgements()
    const mine = judgementOf('a')
    kept.keep('a', mine)
    expect(() => (mine.judgement.operations as unknown[]).push({})).toThrow(TypeError)
    expect(Object.isFrozen(mine.judgement.operations[0])).toBe(true)
    expect([mine.statement, mine.described, mine.asked].every((part) => Object.isFrozen(part))).toBe(true)
  })
})
