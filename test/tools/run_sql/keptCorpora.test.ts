import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GateError } from '../../../src/errors.ts'
import { postgresConnection } from '../../../src/tools/run_sql/settings.ts'
import { createRunSql } from '../../../src/tools/run_sql/tool.ts'
import type { OpenTool, RequestField } from '../../../src/tools/tool.ts'
import { readCorpus } from '../../attacks/corpus.ts'
import { PROTECTED, startCorpusDatabase } from '../../attacks/database.ts'
import { CREDENTIALS, type RealDatabase } from '../../fixtures/realDatabase.ts'

const signal = new AbortController().signal
/** Inputs with arguments that run_sql does not take are refused before any judgement. */
const inputs = [...readCorpus('hostile'), ...readCorpus('ordinary')].filter(({ args }) => typeof args.sql === 'string')

describe.each([18] as const)('the corpora on PostgreSQL %i', (major) => {
  let database: RealDatabase
  const open: OpenTool[] = []
  beforeAll(async () => {
    database = await startCorpusDatabase(major, 'canary')
  })
  afterAll(async () => {
    await Promise.all(open.map((sql) => sql.close()))
    await database.stop()
  })

  function openGate(): OpenTool {
    const main = postgresConnection.parse({
      type: 'postgres',
      host: database.host,
      port: database.port,
      database: 'app',
      read: { user: 'su_ro', password: { env: 'READ' } },
      write: { user: 'su_rw', password: { env: 'WRITE' } },
      protect: PROTECTED,
      limits: { statementTimeout: '10s' },
    })
    const sql = createRunSql({
      readSecret: async (from) => CREDENTIALS['env' in from && from.env === 'READ' ? 'read' : 'write'].password,
      connections: () => ({ main }),
    })
    open.push(sql)
    return sql
  }
  async function judge(sql: OpenTool, args: Readonly<Record<string, unknown>>) {
    try {
      const understanding = await sql.tool.understand({ ...args, connection: 'main' }, 'main', signal)
      await understanding.release()
      const { effect, operations, judged, target, request } = understanding
      return { verdict: { effect, operations, judged, target, request }, described: request[0] }
    } catch (error) {
      const verdict = error instanceof GateError ? { code: error.code, detail: error.detail } : String(error)
      return { verdict, described: undefined as RequestField | undefined }
    }
  }

  test('every input is judged the same by a gateway that has seen it and by one that has not', async () => {
    const gate = openGate()
    const cold = openGate()
    let kept = 0
    for (const { id, args } of inputs.filter((input) => input.majors.includes(major))) {
      const first = await judge(gate, args)
      const second = await judge(gate, args)
      if (first.described !== undefined && second.described === first.described) kept += 1
      const never = await judge(cold, args)
      expect({ id, ...second, described: undefined }).toEqual({ id, ...never, described: undefined })
      expect({ id, ...first, described: undefined }).toEqual({ id, ...never, described: undefined })
    }
    console.log(`corpora on ${major}: ${kept} judgements held when they were asked again`)
    expect(kept).toBeGreaterThan(400)
  }, 300_000)
})
