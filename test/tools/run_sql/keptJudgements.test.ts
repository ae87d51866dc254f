import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StartedCall } from '../../../src/call.ts'
import { GateError } from '../../../src/errors.ts'
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
    target.connection({ searchPath: ['app', 'public'], ...changes })

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

      if (item.change !== undefined) await target.admin(item.change)
      if (item.reload !== undefined) settings = settingsOf(item.reload)
      const third = await call(gate, item.sql, item.params)
      const cold = await asCold(item.sql, item.params)
      expect(third.verdict).toEqual(cold.verdict)
      if (item.same === undefined) expect(third.verdict).not.toEqual(first.verdict)
      if (item.same === 'kept') expect(third.described).toBe(first.described)
      if (item.same === 'judged anew') expect(third.described).not.toBe(first.described)
      // Whatever was kept of it now is right too.
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
})
